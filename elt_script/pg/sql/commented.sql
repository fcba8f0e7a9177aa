-- The statements that say of things what is said of them elsewhere, of those that are there.
--
-- %(comments)s  jsonb [[schema, relation or type, its part, what it is, comment], …]; see comments.sql
-- returns       statement text
with wanted as (
    select n.oid as namespace, w.value ->> 1 as name, w.value ->> 2 as object, w.value ->> 3 as what, w.value ->> 4 as says
    from jsonb_array_elements(%(comments)s::jsonb) w
    join pg_namespace n on n.nspname = w.value ->> 0
)
select format('comment on %%s %%I on %%s is %%L', w.what, w.object, c.oid::regclass, w.says) as statement
from wanted w
join pg_class c on c.relnamespace = w.namespace and c.relname = w.name
where w.what = 'constraint' and exists (select from pg_constraint k where k.conrelid = c.oid and k.conname = w.object)
    or w.what = 'trigger' and exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = w.object)
    or w.what = 'rule' and exists (select from pg_rewrite r where r.ev_class = c.oid and r.rulename = w.object)
union all
select format('comment on type %%s is %%L', case w.what when 'array' then t.typarray else t.oid end::regtype, w.says)
from wanted w
join pg_type t on t.typnamespace = w.namespace and t.typname = w.name
where w.what in ('type', 'array')
