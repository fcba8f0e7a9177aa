-- The materialized views of some schemas, in an order in which they can be refreshed.
--
-- %(schemas)s  text[]
-- returns      schema text, name text, depth int, opaque bool (rests on functions whose body is text),
--              reads jsonb [[schema, name] of materialized views that it rests on, …]
with recursive needs as (
    select distinct v.oid, d.refclassid, d.refobjid
    from pg_class v
    join pg_rewrite r on r.ev_class = v.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjid <> v.oid
    where v.relkind in ('v', 'm')
),
chosen as (
    select c.oid, n.nspname, c.relname
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'm' and n.nspname = any(%(schemas)s)
),
reach as (
    select c.oid as root, c.oid, 0 as depth
    from chosen c
    union
    select reach.root, needs.refobjid, reach.depth + 1
    from reach
    join needs on needs.oid = reach.oid and needs.refclassid = 'pg_class'::regclass
    where reach.depth < 100
)
select
    c.nspname::text as schema,
    c.relname::text as name,
    max(reach.depth)::int as depth,
    coalesce(bool_or(exists (
        select
        from needs
        join pg_proc p on needs.refclassid = 'pg_proc'::regclass and p.oid = needs.refobjid
        join pg_language l on l.oid = p.prolang
        where needs.oid = reach.oid
            and p.oid >= 16384
            and p.prosqlbody is null
            and l.lanname not in ('internal', 'c')
    )), false) as opaque,
    coalesce(
        jsonb_agg(distinct jsonb_build_array(n.nspname, v.relname)) filter (where v.oid <> c.oid), '[]'
    ) as reads
from chosen c
join reach on reach.root = c.oid
left join pg_class v on v.oid = reach.oid and v.relkind = 'm'
left join pg_namespace n on n.oid = v.relnamespace
group by c.oid, c.nspname, c.relname
order by 3, 1, 2
