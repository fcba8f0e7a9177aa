-- What falls when some relations, and all schemas but some, are left out: whatever needs something of them, however
-- indirectly.
--
-- What is written into a table's own definition (a column's type, a default, a check) takes the table along.
--
-- %(relations)s  bigint[], OIDs of the relations that are left out
-- %(schemas)s    text[], the schemas that are copied
-- returns        catalog oid, oid, kind text (as people call it), name text, relkind text (of a relation, or null),
--                part bool (of something that falls itself), child bool (a partition or an heir of a table that falls),
--                needs text (why: one thing that is left out)
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
fallen as (
    select classid, objid from roots
    union
    select coalesce(whole.classid, d.classid), coalesce(whole.objid, d.objid)
    from fallen f
    join pg_depend d on d.refclassid = f.classid and d.refobjid = f.objid and d.deptype <> 'e'
        and not (d.deptype = 'a' and d.objid in (select oid from pg_class where relkind = 'S'))
    left join lateral (
        select 'pg_class'::regclass::oid as classid, ev_class as objid
        from pg_rewrite
        where d.classid = 'pg_rewrite'::regclass and oid = d.objid and rulename = '_RETURN'
        union all
        select 'pg_class'::regclass, adrelid
        from pg_attrdef
        where d.classid = 'pg_attrdef'::regclass and oid = d.objid
        union all
        select
            case when contypid = 0 then 'pg_class'::regclass else 'pg_type'::regclass end,
            case when contypid = 0 then conrelid else contypid end
        from pg_constraint
        where d.classid = 'pg_constraint'::regclass and oid = d.objid and contype = 'c'
        union all
        select 'pg_type'::regclass, reltype
        from pg_class
        where d.classid = 'pg_class'::regclass and oid = d.objid and relkind = 'c'
    ) whole on true
    where d.classid not in (
        'pg_publication_rel'::regclass, 'pg_publication_namespace'::regclass, 'pg_event_trigger'::regclass,
        'pg_default_acl'::regclass, 'pg_user_mapping'::regclass
    )
),
-- A column's sequence goes with its table, unless something else draws numbers from it.
all_fallen as (
    select classid, objid from fallen
    union all
    select d.classid, d.objid
    from fallen f
    join pg_depend d on d.refclassid = f.classid and d.refobjid = f.objid and d.deptype = 'a'
    join pg_class s on d.classid = 'pg_class'::regclass and s.oid = d.objid and s.relkind = 'S'
    where f.classid = 'pg_class'::regclass
        and not exists (
            select
            from pg_depend u
            left join pg_attrdef a on u.classid = 'pg_attrdef'::regclass and a.oid = u.objid
            left join pg_rewrite r on u.classid = 'pg_rewrite'::regclass and r.oid = u.objid
            where u.refclassid = 'pg_class'::regclass
                and u.refobjid = s.oid
                and u.deptype = 'n'
                and not exists (
                    select
                    from fallen g
                    where g.classid = case when coalesce(a.oid, r.oid) is null then u.classid else 'pg_class'::regclass end
                        and g.objid = coalesce(a.adrelid, r.ev_class, u.objid)
                )
        )
)
select
    f.classid::bigint as catalog,
    f.objid::bigint as oid,
    case
        when exists (select from pg_constraint where f.classid = 'pg_constraint'::regclass and oid = f.objid and contype = 'f')
        then 'foreign key'
        else i.type
    end as kind,
    i.identity as name,
    (select relkind::text from pg_class where f.classid = 'pg_class'::regclass and oid = f.objid) as relkind,
    exists (
        select
        from pg_depend d
        join all_fallen g on g.classid = d.refclassid and g.objid = d.refobjid
        where d.classid = f.classid and d.objid = f.objid and d.deptype in ('a', 'i', 'P', 'S')
    ) or exists (
        select from pg_constraint where f.classid = 'pg_constraint'::regclass and oid = f.objid and conparentid <> 0
    ) as part,
    exists (
        select
        from pg_inherits h
        join all_fallen g on g.classid = 'pg_class'::regclass and g.objid = h.inhparent
        where f.classid = 'pg_class'::regclass and h.inhrelid = f.objid
    ) as child,
    (
        select pg_describe_object(d.refclassid, d.refobjid, 0)
        from pg_depend d
        join all_fallen g on g.classid = d.refclassid and g.objid = d.refobjid
        where d.deptype <> 'e' and (
            d.classid = f.classid and d.objid = f.objid
            or d.classid = 'pg_rewrite'::regclass
                and d.objid in (select oid from pg_rewrite where f.classid = 'pg_class'::regclass and ev_class = f.objid)
            or d.classid = 'pg_attrdef'::regclass
                and d.objid in (select oid from pg_attrdef where f.classid = 'pg_class'::regclass and adrelid = f.objid)
            or d.classid = 'pg_constraint'::regclass
                and d.objid in (
                    select oid from pg_constraint
                    where contype = 'c' and (
                        f.classid = 'pg_class'::regclass and conrelid = f.objid
                        or f.classid = 'pg_type'::regclass and contypid = f.objid
                    )
                )
            or d.classid = 'pg_class'::regclass
                and d.objid in (select typrelid from pg_type where f.classid = 'pg_type'::regclass and oid = f.objid)
        ) and (d.refclassid, d.refobjid) <> (f.classid, f.objid)
        order by 1
        limit 1
    ) as needs
from all_fallen f
cross join pg_identify_object(f.classid, f.objid, 0) i
where not exists (select from roots r where r.classid = f.classid and r.objid = f.objid)
order by f.classid, f.objid
