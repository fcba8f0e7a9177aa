-- Which table each object of an archive's post-data belongs to, as the archive's table of contents names them.
--
-- returns    catalog oid, oid, schema text, name text (of the table)
select p.catalog::oid::bigint as catalog, p.oid::bigint as oid, n.nspname::text as schema, c.relname::text as name
from (
    select 'pg_class'::regclass as catalog, indexrelid as oid, indrelid as relation from pg_index
    union all
    select 'pg_constraint', oid, conrelid from pg_constraint where contype in ('p', 'u', 'x', 'f')
) p
join pg_class c on c.oid = p.relation
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
