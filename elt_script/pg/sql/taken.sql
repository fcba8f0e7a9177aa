-- What stands in some schemas of the destination and is not of a generation of ours.
--
-- {ours}       condition on o.classid and o.objid: is it of the live generation
-- %(schemas)s  text[]
-- returns      schema text, name text (a routine's with its argument types), kind (relation, type, routine),
--              owned bool (we may move it)
select n.nspname::text as schema, o.name, o.kind, pg_has_role(o.owner, 'usage') as owned
from (
    select
        'pg_class'::regclass as classid, oid as objid, relnamespace as namespace, relname::text as name,
        'relation' as kind, relowner as owner
    from pg_class
    where relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select 'pg_type', oid, typnamespace, typname::text, 'type', typowner
    from pg_type
    where typtype in ('d', 'e', 'r') or typtype = 'c' and exists (
        select from pg_class where oid = typrelid and relkind = 'c'
    )
    union all
    select
        'pg_proc', oid, pronamespace, format('%%s(%%s)', proname, pg_get_function_identity_arguments(oid)),
        'routine', proowner
    from pg_proc
) o
join pg_namespace n on n.oid = o.namespace
where n.nspname = any(%(schemas)s)
    and not {ours}
    and not exists (
        select
        from pg_depend d -- columns that a table is partitioned by depend on it the same way
        where d.classid = o.classid and d.objid = o.objid and d.objsubid = 0 and d.deptype in ('e', 'i')
    )
