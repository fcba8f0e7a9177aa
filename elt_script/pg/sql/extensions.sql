-- The extensions of a database, and what in some schemas needs each of them.
--
-- %(schemas)s  text[]
-- returns      name, schema, version text, relocatable bool, needed_by text[] (some of the objects, described),
--              named_by text[] (some of the routines whose text holds the name of a function of the extension's)
with members as (
    select d.refobjid as extension, d.classid, d.objid
    from pg_depend d
    where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
),
ours as (
    select 'pg_class'::regclass::oid as classid, oid as objid, relnamespace as namespace from pg_class
    union all
    select 'pg_proc'::regclass, oid, pronamespace from pg_proc
    union all
    select 'pg_type'::regclass, oid, typnamespace from pg_type
    union all
    select 'pg_operator'::regclass, oid, oprnamespace from pg_operator
    union all
    select 'pg_opclass'::regclass, oid, opcnamespace from pg_opclass
    union all
    select 'pg_ts_dict'::regclass, oid, dictnamespace from pg_ts_dict
    union all
    select 'pg_ts_config'::regclass, oid, cfgnamespace from pg_ts_config
    union all
    select 'pg_attrdef'::regclass, a.oid, c.relnamespace from pg_attrdef a join pg_class c on c.oid = a.adrelid
    union all
    select 'pg_constraint'::regclass, oid, connamespace from pg_constraint
    union all
    select 'pg_trigger'::regclass, t.oid, c.relnamespace from pg_trigger t join pg_class c on c.oid = t.tgrelid
    union all
    select 'pg_policy'::regclass, p.oid, c.relnamespace from pg_policy p join pg_class c on c.oid = p.polrelid
    union all
    select 'pg_rewrite'::regclass, r.oid, c.relnamespace from pg_rewrite r join pg_class c on c.oid = r.ev_class
    union all
    select 'pg_statistic_ext'::regclass, oid, stxnamespace from pg_statistic_ext
    union all
    select 'pg_cast'::regclass, k.oid, t.typnamespace from pg_cast k join pg_type t on t.oid in (k.castsource, k.casttarget)
    union all
    -- operators and functions of a class or family
    select d.classid, d.objid, coalesce(c.opcnamespace, f.opfnamespace)
    from pg_depend d
    left join pg_opclass c on d.refclassid = 'pg_opclass'::regclass and c.oid = d.refobjid
    left join pg_opfamily f on d.refclassid = 'pg_opfamily'::regclass and f.oid = d.refobjid
    where d.classid in ('pg_amop'::regclass, 'pg_amproc'::regclass)
),
needs as (
    select distinct coalesce(m.extension, d.refobjid) as extension, o.classid, o.objid
    from ours o
    join pg_namespace n on n.oid = o.namespace and n.nspname = any(%(schemas)s)
    join pg_depend d on d.classid = o.classid and d.objid = o.objid and d.deptype <> 'e'
    left join members m on m.classid = d.refclassid and m.objid = d.refobjid
    where (m.extension is not null or d.refclassid = 'pg_extension'::regclass)
        and not exists (select from members own where own.classid = o.classid and own.objid = o.objid)
        -- nor a part of a member, such as its array type or its index
        and not exists (
            select
            from pg_depend part
            join members whole on whole.classid = part.refclassid and whole.objid = part.refobjid
            where part.classid = o.classid and part.objid = o.objid and part.deptype in ('a', 'i')
                -- an operator that a class uses is nothing that it is a part of
                and (o.classid not in ('pg_amop'::regclass, 'pg_amproc'::regclass)
                    or part.refclassid in ('pg_opclass'::regclass, 'pg_opfamily'::regclass))
        )
),
named as (
    -- no catalog says what a body that is text needs
    select distinct m.extension, p.oid
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace and n.nspname = any(%(schemas)s)
    join pg_language l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
    cross join regexp_split_to_table(lower(p.prosrc), '\W+') word
    join pg_proc f on f.proname = word
    join members m on m.classid = 'pg_proc'::regclass and m.objid = f.oid
    where p.prosqlbody is null
        and not exists (select from members own where own.classid = 'pg_proc'::regclass and own.objid = p.oid)
        and not exists (
            select from pg_proc b where b.proname = word and b.pronamespace = 'pg_catalog'::regnamespace
        )
)
select
    e.extname::text as name,
    n.nspname::text as schema,
    e.extversion::text as version,
    e.extrelocatable as relocatable,
    array(
        select pg_describe_object(needs.classid, needs.objid, 0)
        from needs where needs.extension = e.oid order by 1 limit 3
    ) as needed_by,
    array(select oid::regprocedure::text from named where named.extension = e.oid order by 1 limit 3) as named_by
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
where e.extname <> 'plpgsql'
order by e.extname
