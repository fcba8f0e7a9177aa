-- What publish has put aside within its transaction: materialized views of others that were rebuilt.
--
-- returns    name text (null for an empty schema), schema text
select c.oid::regclass::text as name, quote_ident(n.nspname) as schema
from pg_namespace n
left join pg_class c on c.relnamespace = n.oid and c.relkind = 'm'
where n.nspname like 'elt\_aside\_%'
