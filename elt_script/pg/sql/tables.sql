-- Every relation of users' schemas, and what copying its rows needs.
--
-- returns    oid, schema text, name text, kind (relkind: r table, p partitioned, f foreign, v view, m matview),
--            partition bool, persistence, rows_estimate bigint (-1: never counted), bytes bigint (heap and toast),
--            blocks bigint (of a heap, which can be read in ranges; 0: it is none),
--            populated bool, hashed text (how partitions share out rows by hash: null they do not; everywhere: alike;
--            database: by what differs between databases, such as the OIDs of an enum's labels and the sort keys
--            of a non-deterministic collation; encoding: by the bytes of texts),
--            columns jsonb [[name, type oid, type as SQL, collation deterministic, generated], …]
select
    c.oid::bigint as oid,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    c.relispartition as partition,
    c.relpersistence::text as persistence,
    c.reltuples::bigint as rows_estimate,
    coalesce(case when c.relkind in ('r', 'm') then pg_table_size(c.oid) end, 0) as bytes,
    coalesce(case
        when c.relkind = 'r' and c.relam = (select oid from pg_am where amname = 'heap')
            then pg_relation_size(c.oid) / current_setting('block_size')::bigint
    end, 0) as blocks,
    c.relispopulated as populated,
    (
        select
            case
                when bool_or(o.oid >= 16384 or t.typtype = 'p' or not coalesce(l.collisdeterministic, true)) then 'database'
                when bool_or(t.typcategory not in ('B', 'D', 'I', 'N', 'T') and t.typname not in ('bytea', 'uuid')) then 'encoding'
                else 'everywhere'
            end
        from pg_partitioned_table p
        cross join unnest(p.partclass::oid[], p.partcollation::oid[]) k (class, sorted)
        join pg_opclass o on o.oid = k.class
        join pg_type t on t.oid = o.opcintype
        left join pg_collation l on l.oid = k.sorted
        where p.partrelid = c.oid and p.partstrat = 'h'
    ) as hashed,
    coalesce((
        select jsonb_agg(
            jsonb_build_array(
                a.attname, a.atttypid::bigint, format_type(a.atttypid, a.atttypmod),
                coalesce(l.collisdeterministic, true), a.attgenerated <> ''
            ) order by a.attnum)
        from pg_attribute a
        left join pg_collation l on l.oid = a.attcollation
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ), '[]') as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'v', 'm')
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and not exists (
        select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by n.nspname, c.relname
