-- The enums of a generation that columns of others' tables, or their types, are of. Not those for which there are casts
-- or operator classes, which a second one of the name would need, too.
--
-- %(generation)s  bigint
-- returns         schema text, name text, labels text[] in their order, comment text or null (as published),
--                 oids bigint[] (of the type and its arrays')
select
    n.nspname::text as schema,
    t.typname::text as name,
    array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder) as labels,
    o.comments ->> '0' as comment,
    array[t.oid::bigint, t.typarray::bigint] as oids
from elt.object o
join pg_type t on o.classid = 'pg_type'::regclass and t.oid = o.objid and t.typtype = 'e'
join pg_namespace n on n.oid = t.typnamespace
where o.generation = %(generation)s
    and exists (
        select
        from pg_depend d
        left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
        where d.refclassid = 'pg_type'::regclass and d.refobjid in (t.oid, t.typarray)
            and (c.relkind in ('r', 'p', 'f', 'c') and c.relpersistence <> 't' or d.classid = 'pg_type'::regclass and d.deptype = 'n')
            and not exists (select from elt.object own where own.classid = d.classid and own.objid = d.objid)
    )
    and not exists (select from pg_cast k where t.oid in (k.castsource, k.casttarget))
    and not exists (select from pg_opclass k where k.opcintype = t.oid)
    and not exists (select from pg_transform k where k.trftype = t.oid)
