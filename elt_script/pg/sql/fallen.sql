-- What falls when some relations, and all schemas but some, are left out: whatever needs something of them, however
-- indirectly.
--
-- What is written into a table's own definition (a column's type, a default, a check) takes the table along.
--
-- %(relations)s  bigint[], OIDs of the relations that are left out
-- %(schemas)s    text[], the schemas that are copied
-- returns        catalog oid, oid, kind text (as people call it), name text, relkind text (of a relation, or null),
--                part bool (of something that falls itself: then kind and name are null), child bool (a partition
--                or an heir of a table that falls), needs text (why: one thing that is left out)
with recursive elsewhere as (
    select n.oid
    from pg_namespace n
    where n.nspname <> all(%(schemas)s) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
),
members as (
    select classid, objid from pg_depend where refclassid = 'pg_extension'::regclass and deptype = 'e'
),
roots as (
    select 'pg_class'::regclass::oid as classid, unnest(%(relations)s::oid[]) as objid
    union all
    select o.classid, o.objid
    from (
        select 'pg_class'::regclass as classid, oid as objid, relnamespace as namespace
        from pg_class
        where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
        union all
        -- types of rows and arrays follow what they are of, which may be an extension's
        select 'pg_type', t.oid, t.typnamespace
        from pg_type t
        where not exists (select from pg_type of where of.typarray = t.oid)
            and not exists (select from pg_class c where c.oid = t.typrelid and c.relkind <> 'c')
        union all
        select 'pg_proc', oid, pronamespace from pg_proc
        union all
        select 'pg_operator', oid, oprnamespace from pg_operator
        union all
        select 'pg_opclass', oid, opcnamespace from pg_opclass
        union all
        select 'pg_opfamily', oid, opfnamespace from pg_opfamily
        union all
        select 'pg_collation', oid, collnamespace from pg_collation
        union all
        select 'pg_ts_config', oid, cfgnamespace from pg_ts_config
        union all
        select 'pg_ts_dict', oid, dictnamespace from pg_ts_dict
        union all
        select 'pg_ts_parser', oid, prsnamespace from pg_ts_parser
        union all
        select 'pg_ts_template', oid, tmplnamespace from pg_ts_template
    ) o
    join elsewhere on elsewhere.oid = o.namespace
    where not exists (select from members m where m.classid = o.classid and m.objid = o.objid)
    union all
    select 'pg_type'::regclass, oid from pg_type where not typisdefined
    union all
    select 'pg_transform'::regclass, f.oid
    from pg_transform f
    join pg_type t on t.oid = f.trftype
    where (t.oid < 16384 or exists (select from members m where m.classid = 'pg_type'::regclass and m.objid = t.oid))
        and not exists (select from members m where m.classid = 'pg_transform'::regclass and m.objid = f.oid)
    union all
    -- these belong to no schema, and are not copied
    select o.classid, o.objid
    from (
        select 'pg_language'::regclass as classid, oid as objid from pg_language
        union all
        select 'pg_am', oid from pg_am
        union all
        select 'pg_foreign_server', oid from pg_foreign_server
    ) o
    where o.objid >= 16384 and not exists (select from members m where m.classid = o.classid and m.objid = o.objid)
),
-- Who depends on whom, where what is a part of a definition stands for the whole.
edges as materialized (
    select
        case
            when r.oid is not null or a.oid is not null or k.contypid = 0 then 'pg_class'::regclass
            when k.oid is not null or c.oid is not null then 'pg_type'::regclass
            else d.classid
        end::oid as classid,
        coalesce(r.ev_class, a.adrelid, nullif(k.contypid, 0), k.conrelid, c.reltype, d.objid) as objid,
        coalesce(r.oid, a.oid, k.oid, c.oid) is null and d.deptype in ('a', 'i', 'P', 'S') as part,
        coalesce(s.relkind = 'S', false) and d.deptype = 'a' as owned_sequence,
        d.refclassid,
        d.refobjid
    from pg_depend d
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid and r.rulename = '_RETURN'
    left join pg_attrdef a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid
    left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid and k.contype = 'c'
    left join pg_class s on d.classid = 'pg_class'::regclass and s.oid = d.objid
    left join pg_class c on c.oid = s.oid and c.relkind = 'c'
    -- before 18 a routine depends on transforms of its types that it does not ask for, too
    left join pg_proc f on d.refclassid = 'pg_transform'::regclass and d.classid = 'pg_proc'::regclass and f.oid = d.objid
    where d.objid >= 16384
        and (f.oid is null or f.protrftypes is not null)
        and d.deptype <> 'e'
        and d.classid not in (
            'pg_publication_rel'::regclass, 'pg_publication_namespace'::regclass, 'pg_event_trigger'::regclass,
            'pg_default_acl'::regclass, 'pg_user_mapping'::regclass
        )
),
fallen as (
    select classid, objid from roots
    union
    select e.classid, e.objid
    from fallen f
    join edges e on e.refclassid = f.classid and e.refobjid = f.objid and not e.owned_sequence
),
-- A column's sequence goes with its table, unless something else draws numbers from it.
all_fallen as materialized (
    select classid, objid from fallen
    union
    select s.classid, s.objid
    from fallen f
    join edges s on s.refclassid = f.classid and s.refobjid = f.objid and s.owned_sequence
    where not exists (
        select
        from edges u
        left join fallen g on g.classid = u.classid and g.objid = u.objid
        where u.refclassid = s.classid and u.refobjid = s.objid and not u.part and g.objid is null
    )
),
linked as materialized (
    select e.*
    from edges e
    join all_fallen g on g.classid = e.refclassid and g.objid = e.refobjid
),
found as (
    select f.classid, f.objid, p.objid is not null or coalesce(k.conparentid <> 0, false) as part, k.contype
    from all_fallen f
    left join roots r on r.classid = f.classid and r.objid = f.objid
    left join (select distinct classid, objid from linked where part) p on p.classid = f.classid and p.objid = f.objid
    left join pg_constraint k on f.classid = 'pg_constraint'::regclass and k.oid = f.objid
    where r.objid is null
),
causes as (
    select distinct on (classid, objid) classid, objid, refclassid, refobjid
    from linked
    where (refclassid, refobjid) <> (classid, objid)
    order by classid, objid, refclassid, refobjid
),
children as (
    select distinct h.inhrelid
    from pg_inherits h
    join all_fallen g on g.classid = 'pg_class'::regclass and g.objid = h.inhparent
)
select
    f.classid::bigint as catalog,
    f.objid::bigint as oid,
    case when f.contype = 'f' then 'foreign key' else i.type end as kind,
    i.identity as name,
    c.relkind::text as relkind,
    f.part,
    h.inhrelid is not null as child,
    pg_describe_object(causes.refclassid, causes.refobjid, 0) as needs
from found f
left join pg_class c on f.classid = 'pg_class'::regclass and c.oid = f.objid
left join children h on f.classid = 'pg_class'::regclass and h.inhrelid = f.objid
left join causes on causes.classid = f.classid and causes.objid = f.objid
    and (not f.part or c.relkind in ('r', 'p', 'v', 'm', 'f'))
left join lateral pg_identify_object(f.classid, f.objid, 0) i on not f.part
order by f.classid, f.objid
