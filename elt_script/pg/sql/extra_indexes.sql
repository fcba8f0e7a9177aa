-- The indexes, and the constraints that rest on one, that others added to the tables of a generation under its final
-- names; but not those that need its functions or types, or functions that take them, which only the final names tell apart.
--
-- %(generation)s  bigint
-- returns         object text (as people name it), schema text, table text, name text, beginning text (of the definition
--                 of an index; null for a constraint), definition text, comment text,
--                 targets jsonb {number of its column: statistics target}
with ours as materialized (
    select classid, objid from elt.object where generation = %(generation)s
)
select
    case when k.oid is null then format('index %%I.%%I', n.nspname, i.relname)
        else format('constraint %%I on %%s', k.conname, c.oid::regclass) end as object,
    n.nspname::text as schema,
    c.relname::text as table,
    coalesce(k.conname, i.relname)::text as name,
    case when k.oid is null then format(
        'CREATE %%sINDEX %%I ON %%s%%I.%%I ', case when x.indisunique then 'UNIQUE ' else '' end, i.relname,
        case when i.relkind = 'I' then 'ONLY ' else '' end, -- so it is always written, and never meant
        n.nspname, c.relname
    ) end as beginning,
    coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(x.indexrelid)) as definition,
    coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(x.indexrelid, 'pg_class')) as comment,
    (
        select coalesce(jsonb_object_agg(a.attnum, a.attstattarget), '{{}}')
        from pg_attribute a
        where a.attrelid = x.indexrelid and a.attstattarget >= 0
    ) as targets
from ours
join pg_index x on ours.classid = 'pg_class'::regclass and x.indrelid = ours.objid
join pg_class i on i.oid = x.indexrelid
join pg_class c on c.oid = x.indrelid and c.relkind in ('r', 'p', 'm')
join pg_namespace n on n.oid = c.relnamespace
left join pg_constraint k on k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x') and k.conrelid = c.oid
where not exists (select from ours own where own.classid = 'pg_class'::regclass and own.objid = x.indexrelid)
    and not exists (select from pg_inherits where inhrelid = x.indexrelid)
    and x.indisvalid
    and not exists (
        select
        from pg_depend d
        left join pg_depend f
            on d.refclassid = 'pg_proc'::regclass and f.classid = d.refclassid and f.objid = d.refobjid and f.refclassid = 'pg_type'::regclass
        join ours o on o.classid = d.refclassid and o.objid = d.refobjid or o.classid = f.refclassid and o.objid = f.refobjid
        where d.classid = 'pg_class'::regclass and d.objid = x.indexrelid and d.refclassid <> 'pg_class'::regclass
    )
order by 2, 3, 4
