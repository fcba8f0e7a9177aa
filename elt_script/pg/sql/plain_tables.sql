-- The tables of a drawing board that hold rows themselves.
--
-- returns    oid bigint, schema text, name text
select c.oid::bigint, n.nspname::text, c.relname::text
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r'
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
