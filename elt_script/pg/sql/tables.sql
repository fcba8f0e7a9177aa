-- Every relation of users' schemas, and what copying its rows needs.
--
-- returns    oid, schema text, name text, kind (relkind: r table, p partitioned, f foreign, v view, m matview),
--            partition bool, persistence, rows_estimate bigint (-1: never counted), bytes bigint (heap and toast),
--            populated bool, columns jsonb [[name, type oid, type as SQL, collation deterministic, generated], …]
select
    c.oid::bigint as oid,
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind::text as kind,
    c.relispartition as partition,
    c.relpersistence::text as persistence,
    c.reltuples::bigint as rows_estimate,
    case when c.relkind in ('r', 'm') then pg_table_size(c.oid) else 0 end as bytes,
    c.relispopulated as populated,
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
