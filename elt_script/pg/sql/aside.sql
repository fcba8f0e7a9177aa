-- The schemas in which publish has put aside the views that it built anew.
--
-- returns    schema text
select nspname::text as schema from pg_namespace where nspname like 'elt\_aside\_%'
