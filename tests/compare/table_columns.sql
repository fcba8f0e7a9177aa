-- What has rows of its own, and by which function each column's bytes are had.
--
-- A type has no such function here if it has none at all, or if its bytes hold OIDs, which differ between
-- databases: composites, arrays of users' types, and what names objects of the database (regclass, ...).
--
-- A domain's value is sent as its base type's, by whose catalog name no length is implied (`bit` is `bit(1)`).
--
-- The rows of a table that is partitioned by an enum's hash are all taken together: the hash is an OID's, so that
-- in another database they belong to other partitions.
--
-- returns    schema text, name text,
--            partitioned bool (its partitions' rows are meant, not its own),
--            columns jsonb [[name, null or [function's schema, name, base type's schema, name]], ...]
with recursive bases as (
    select oid, oid as base from pg_type where typtype <> 'd'
    union all
    select d.oid, b.base
    from pg_type d
    join bases b on b.oid = d.typbasetype
    where d.typtype = 'd'
),
sent as (
    select b.oid, n.nspname as schema, p.proname as name, tn.nspname as type_schema, t.typname as type
    from bases b
    join pg_type t on t.oid = b.base
    join pg_namespace tn on tn.oid = t.typnamespace
    join pg_proc p on p.oid = t.typsend
    join pg_namespace n on n.oid = p.pronamespace
    left join pg_type e on e.oid = t.typelem and t.typsend = 'array_send'::regproc
    left join pg_range g on t.oid in (g.rngtypid, g.rngmultitypid)
    left join pg_type s on s.oid = g.rngsubtype
    where t.typtype in ('b', 'e', 'r', 'm')
        and (p.proargtypes[0] = t.oid or p.proargtypes[0]::regtype::text ~ '^any')
        and t.typname !~ '^reg'
        and (e.oid is null or (e.oid < 10000 and e.typtype = 'b' and e.typname !~ '^reg'))
        and (s.oid is null or (s.oid < 10000 and s.typtype = 'b' and s.typname !~ '^reg'))
),
hashed_by_enum as (
    select p.partrelid as root, p.partrelid as member
    from pg_partitioned_table p
    join pg_attribute a on a.attrelid = p.partrelid and a.attnum = any (p.partattrs)
    join bases b on b.oid = a.atttypid
    join pg_type t on t.oid = b.base
    where p.partstrat = 'h' and t.typtype = 'e'
    union
    select h.root, i.inhrelid
    from hashed_by_enum h
    join pg_inherits i on i.inhparent = h.member
),
parts_of_such as (
    select member from hashed_by_enum where member <> root
)
select
    n.nspname::text as schema,
    c.relname::text as name,
    c.relkind = 'p' as partitioned,
    coalesce(
        jsonb_agg(
            jsonb_build_array(
                a.attname,
                case when s.oid is not null then jsonb_build_array(s.schema, s.name, s.type_schema, s.type) end
            ) order by a.attnum
        ) filter (where a.attnum is not null),
        '[]'
    ) as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join sent s on s.oid = a.atttypid
where (
        c.relkind = 'r'
        or (c.relkind = 'm' and c.relispopulated)
        or (c.relkind = 'p' and c.oid in (select root from hashed_by_enum))
    )
    and c.oid not in (select member from parts_of_such)
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
group by n.nspname, c.relname, c.relkind
