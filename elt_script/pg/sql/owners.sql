-- Which table each object of an archive's post-data belongs to, as the archive's table of contents names them.
--
-- returns    catalog oid, oid, schema text, name text (of the table; of a foreign key, the outermost partitioned one),
--            refers_schema text, refers_name text (of a foreign key: the table it refers to, outermost too; else null)
select
    p.catalog::oid::bigint as catalog,
    p.oid::bigint as oid,
    n.nspname::text as schema,
    c.relname::text as name,
    rn.nspname::text as refers_schema,
    r.relname::text as refers_name
from (
    select 'pg_class'::regclass as catalog, indexrelid as oid, indrelid as relation, null::oid as refers from pg_index
    union all
    select 'pg_constraint', oid, conrelid, null from pg_constraint where contype in ('p', 'u', 'x')
    union all
    select
        'pg_constraint', oid, coalesce(pg_partition_root(conrelid), conrelid),
        coalesce(pg_partition_root(confrelid), confrelid)
    from pg_constraint
    where contype = 'f'
) p
join pg_class c on c.oid = p.relation
join pg_namespace n on n.oid = c.relnamespace
left join pg_class r on r.oid = p.refers
left join pg_namespace rn on rn.oid = r.relnamespace
where c.relkind in ('r', 'p', 'm')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
