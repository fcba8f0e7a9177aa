-- The enums of some schemas.
--
-- %(schemas)s  text[]
-- returns      schema text, name text, labels text[] in their order, comment text or null
select
    n.nspname::text as schema,
    t.typname::text as name,
    array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder) as labels,
    obj_description(t.oid, 'pg_type') as comment
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
where t.typtype = 'e' and n.nspname = any(%(schemas)s)
