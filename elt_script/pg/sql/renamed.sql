-- The statements that give foreign keys that others made, for partitions, the names that they have elsewhere.
--
-- All that get another name are first called by their numbers: what one is to be called may be another one's name yet.
--
-- %(parts)s  jsonb [[schema, table, wanted name, schema and table it refers to, schema, table and name of what made it], …]
-- returns    statement text
with recursive made as (
    select oid, conparentid, conrelid, confrelid, conname, oid as root
    from pg_constraint
    where contype = 'f' and conparentid = 0
    union all
    select k.oid, k.conparentid, k.conrelid, k.confrelid, k.conname, made.root
    from made
    join pg_constraint k on k.conparentid = made.oid
)
select format('alter table %%s rename constraint %%I to %%I', m.conrelid::regclass, step.old, step.new) as statement
from jsonb_array_elements(%(parts)s::jsonb) w
join pg_namespace n on n.nspname = w.value ->> 0
join pg_class c on c.relnamespace = n.oid and c.relname = w.value ->> 1
join pg_namespace fn on fn.nspname = w.value ->> 3
join pg_class f on f.relnamespace = fn.oid and f.relname = w.value ->> 4
join pg_namespace rn on rn.nspname = w.value ->> 5
join pg_class r on r.relnamespace = rn.oid and r.relname = w.value ->> 6
join made m on m.conrelid = c.oid and m.confrelid = f.oid and m.conparentid <> 0 and m.conname <> w.value ->> 2
join pg_constraint k on k.oid = m.root and k.conrelid = r.oid and k.conname = w.value ->> 7
cross join lateral (
    values (1, m.conname::text, 'elt ' || m.oid), (2, 'elt ' || m.oid, w.value ->> 2)
) step (nth, old, new)
order by step.nth, m.oid
