-- The routines, and the standalone types and sequences of some schemas, by the names that could be taken elsewhere.
--
-- %(schemas)s  text[]
-- returns      schema text, name text, kind (type, routine, relation)
select n.nspname::text as schema, t.typname::text as name, 'type' as kind
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
where n.nspname = any(%(schemas)s)
    and (t.typtype in ('d', 'e', 'r') or t.typtype = 'c' and exists (
        select from pg_class where oid = t.typrelid and relkind = 'c'
    ))
    and not exists (select from pg_depend where classid = 'pg_type'::regclass and objid = t.oid and deptype in ('e', 'i'))
union all
select n.nspname, format('%%s(%%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'routine'
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname = any(%(schemas)s)
    and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype in ('e', 'i'))
union all
select n.nspname, c.relname, 'relation'
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(%(schemas)s)
    and c.relkind = 'S'
    and not exists (
        select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype in ('a', 'e', 'i')
    )
