-- Put sequences in their positions; those that were not staged are passed over.
--
-- %(schemas)s, %(names)s  text[]
-- %(values)s              bigint[]
-- %(called)s              bool[]
select setval(c.oid::regclass, s.value, s.called)
from unnest(%(schemas)s::text[], %(names)s::text[], %(values)s::bigint[], %(called)s::bool[]) s (schema, name, value, called)
join pg_namespace n on n.nspname = s.schema
join pg_class c on c.relnamespace = n.oid and c.relname = s.name and c.relkind = 'S'
