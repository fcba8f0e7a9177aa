-- The schemas of users.
--
-- returns    name text
select nspname::text as name from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1
