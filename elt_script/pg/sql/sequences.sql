-- The sequences of some schemas, owned by a column or not.
--
-- %(schemas)s  text[]
-- %(without)s  bigint[], OIDs of those that are left out
-- returns      schema text, name text
select n.nspname::text, c.relname::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S'
    and n.nspname = any(%(schemas)s)
    and c.oid <> all(%(without)s::oid[])
    and not exists (
        select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by 1, 2
