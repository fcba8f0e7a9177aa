-- The statements that switch foreign keys' own triggers as they are elsewhere.
--
-- %(triggers)s  jsonb [[schema, table, constraint, schema and table that refers, function, type, state], …]
-- returns       statement text
select format(
    'alter table only %%s %%s trigger %%I', g.tgrelid::regclass,
    case w.value ->> 7 when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always' else 'enable' end, g.tgname
) as statement
from jsonb_array_elements(%(triggers)s::jsonb) w
join pg_namespace n on n.nspname = w.value ->> 0
join pg_class c on c.relnamespace = n.oid and c.relname = w.value ->> 1
join pg_trigger g on g.tgrelid = c.oid and g.tgisinternal and g.tgtype = (w.value ->> 6)::int
    and g.tgfoid::regproc::text = w.value ->> 5
join pg_constraint k on k.oid = g.tgconstraint and k.conname = w.value ->> 2
join pg_class r on r.oid = k.conrelid and r.relname = w.value ->> 4
join pg_namespace rn on rn.oid = r.relnamespace and rn.nspname = w.value ->> 3
