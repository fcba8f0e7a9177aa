-- The indexes, and the constraints that rest on one, that others added to the tables of a generation under its final
-- names; but not those that need its functions or types, or functions that take them, which only the final names tell apart.
-- Those of partitions come first, as that of the whole makes of them its own; but after one of a whole that is not valid.
--
-- %(generation)s  bigint
-- returns         object text (as people name it), schema text, table text, name text, beginning text (of the definition
--                 of an index; null for a constraint), definition text, comment text,
--                 targets jsonb {number of its column: statistics target}, settings text (of a constraint's index, or null),
--                 only bool (it is of a whole, and not valid yet), useless bool (it is not valid, and of no whole),
--                 above jsonb [schema, name] (of such a whole's that it is attached to, or null)
with ours as materialized (
    select classid, objid from elt.object where generation = %(generation)s
),
extra as materialized (
    select x.indexrelid, x.indrelid, x.indisunique, x.indisvalid
    from ours
    join pg_index x on ours.classid = 'pg_class'::regclass and x.indrelid = ours.objid
    where not exists (select from ours own where own.classid = 'pg_class'::regclass and own.objid = x.indexrelid)
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
    ) as targets,
    (
        select string_agg(format('%%s = %%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ')
        from unnest(i.reloptions) o
        where k.oid is not null
    ) as settings,
    i.relkind = 'I' and not x.indisvalid as only,
    i.relkind = 'i' and not x.indisvalid as useless,
    case when not above.indisvalid then (
        select jsonb_build_array(its.nspname, whole.relname)
        from pg_class whole
        join pg_namespace its on its.oid = whole.relnamespace
        where whole.oid = above.indexrelid
    ) end as above
from extra x
join pg_class i on i.oid = x.indexrelid
join pg_class c on c.oid = x.indrelid and c.relkind in ('r', 'p', 'm')
join pg_namespace n on n.oid = c.relnamespace
left join pg_constraint k on k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x') and k.conrelid = c.oid
left join pg_inherits h on h.inhrelid = x.indexrelid
left join pg_index above on above.indexrelid = h.inhparent
where not exists (select from ours own where own.classid = 'pg_class'::regclass and own.objid = above.indexrelid)
    and not exists (
        select
        from pg_depend d
        left join pg_depend f
            on d.refclassid = 'pg_proc'::regclass and f.classid = d.refclassid and f.objid = d.refobjid and f.refclassid = 'pg_type'::regclass
        join ours o on o.classid = d.refclassid and o.objid = d.refobjid or o.classid = f.refclassid and o.objid = f.refobjid
        where d.classid = 'pg_class'::regclass and d.objid = x.indexrelid and d.refclassid <> 'pg_class'::regclass
    )
order by
    not (i.relkind = 'I' and not x.indisvalid),
    (select count(*) from pg_partition_ancestors(x.indexrelid)) * case when i.relkind = 'I' and not x.indisvalid then 1 else -1 end,
    2, 3, 4
