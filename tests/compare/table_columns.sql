-- What has rows of its own, and by which function each column's bytes are had.
--
-- A type has no such function here if it has none at all, or if its bytes hold OIDs, which differ between
-- databases: composites, arrays of users' types, and what names objects of the database (regclass, …).
--
-- returns    schema text, name text, columns jsonb [[name, function's schema, function's name], …]
with recursive bases as (
    select oid, oid as base from pg_type where typtype <> 'd'
    union all
    select d.oid, b.base
    from pg_type d
    join bases b on b.oid = d.typbasetype
    where d.typtype = 'd'
),
sent as (
    select b.oid, n.nspname as schema, p.proname as name
    from bases b
    join pg_type t on t.oid = b.base
    join pg_proc p on p.oid = t.typsend
    join pg_namespace n on n.oid = p.pronamespace
    left join pg_type e on e.oid = t.typelem and t.typsend = 'array_send'::regproc
    left join pg_range g on t.oid in (g.rngtypid, g.rngmultitypid)
    left join pg_type s on s.oid = g.rngsubtype
    where t.typtype in ('b', 'e', 'r', 'm')
        and t.typname !~ '^reg'
        and (e.oid is null or (e.oid < 10000 and e.typtype = 'b' and e.typname !~ '^reg'))
        and (s.oid is null or (s.oid < 10000 and s.typtype = 'b' and s.typname !~ '^reg'))
)
select
    n.nspname::text as schema,
    c.relname::text as name,
    coalesce(
        jsonb_agg(jsonb_build_array(a.attname, s.schema, s.name) order by a.attnum)
            filter (where a.attnum is not null),
        '[]'
    ) as columns
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join sent s on s.oid = a.atttypid
where (c.relkind = 'r' or (c.relkind = 'm' and c.relispopulated))
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
group by n.nspname, c.relname
