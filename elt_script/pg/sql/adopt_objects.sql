-- Write down named things, and all that is part of them, as objects of a generation.
--
-- %(generation)s  bigint
-- %(names)s       jsonb [[schema, name, kind], …]
insert into elt.object (generation, classid, objid)
with recursive named as (
    select n.oid as namespace, v.value ->> 1 as name, v.value ->> 2 as kind
    from jsonb_array_elements(%(names)s::jsonb) v
    join pg_namespace n on n.nspname = v.value ->> 0
),
roots as (
    select 'pg_class'::regclass::oid as classid, c.oid as objid
    from named
    join pg_class c on named.kind = 'relation' and c.relnamespace = named.namespace and c.relname = named.name
    union
    select 'pg_type'::regclass, t.oid
    from named
    join pg_type t on named.kind = 'type' and t.typnamespace = named.namespace and t.typname = named.name
    union
    select 'pg_proc'::regclass, p.oid
    from named
    join pg_proc p on named.kind = 'routine' and p.pronamespace = named.namespace
        and format('%%s(%%s)', p.proname, pg_get_function_identity_arguments(p.oid)) = named.name
),
parts as (
    select classid, objid from roots
    union
    select d.classid, d.objid
    from parts
    join pg_depend d on d.refclassid = parts.classid and d.refobjid = parts.objid
    left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where d.deptype in ('a', 'i')
        or d.classid = 'pg_constraint'::regclass and k.conrelid = parts.objid
        or d.classid = 'pg_rewrite'::regclass and r.ev_class = parts.objid
)
select %(generation)s, classid, objid from parts
on conflict do nothing
