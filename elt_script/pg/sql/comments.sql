-- Comments that pg_dump does not write: on what comes with something else, and has no entry of its own in an archive.
--
-- %(schemas)s  text[]
-- returns      kind text ('comment'), schema, name text (of the relation or type), object text (its part, or empty),
--              facts jsonb: ['constraint', 'trigger', 'rule', 'type', 'array' or what cannot be told apart, the comment]
with described as (
    select objoid, classoid, description from pg_description where objsubid = 0 and objoid >= 16384
)
select
    'comment' as kind, n.nspname::text as schema, o.name::text as name, o.object::text as object,
    jsonb_build_array(o.what, o.description) as facts
from (
    select c.relnamespace as namespace, c.relname as name, k.conname as object, 'constraint' as what, d.description
    from described d
    join pg_constraint k on d.classoid = 'pg_constraint'::regclass and k.oid = d.objoid and k.conrelid <> 0
        and (not k.conislocal or k.conparentid <> 0 or k.contype = 't')
    join pg_class c on c.oid = k.conrelid
    union all
    select c.relnamespace, c.relname, t.tgname, 'trigger', d.description
    from described d
    join pg_trigger t on d.classoid = 'pg_trigger'::regclass and t.oid = d.objoid and t.tgparentid <> 0
    join pg_class c on c.oid = t.tgrelid
    union all
    select c.relnamespace, c.relname, r.rulename, 'rule', d.description
    from described d
    join pg_rewrite r on d.classoid = 'pg_rewrite'::regclass and r.oid = d.objoid and r.rulename = '_RETURN'
    join pg_class c on c.oid = r.ev_class
    union all
    select coalesce(e.typnamespace, t.typnamespace), coalesce(e.typname, t.typname), '',
        case when e.oid is null then 'type' else 'array' end, d.description
    from described d
    join pg_type t on d.classoid = 'pg_type'::regclass and t.oid = d.objoid
    left join pg_type e on e.typarray = t.oid
    left join pg_class c on c.oid = t.typrelid
    where e.oid is not null or c.relkind <> 'c' or t.typtype = 'm'
    union all
    select p.pronamespace, p.proname, '', format('function %%s', p.oid::regprocedure), d.description
    from described d
    join pg_proc p on d.classoid = 'pg_proc'::regclass and p.oid = d.objoid
    where exists (
        select from pg_depend i
        where i.classid = 'pg_proc'::regclass and i.objid = p.oid and i.deptype = 'i' and i.refclassid = 'pg_type'::regclass
    )
) o
join pg_namespace n on n.oid = o.namespace and n.nspname = any(%(schemas)s)
order by 2, 3, 4, 5
