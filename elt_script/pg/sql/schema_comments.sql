-- The comments on schemas, but for the one that every database is born with.
--
-- returns    schema text, comment text
select n.nspname::text as schema, obj_description(n.oid, 'pg_namespace') as comment
from pg_namespace n
where n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and obj_description(n.oid, 'pg_namespace') is not null
    and not (n.nspname = 'public' and obj_description(n.oid, 'pg_namespace') = 'standard public schema')
