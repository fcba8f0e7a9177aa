-- Write down every object that stands in some schemas as an object of a generation, with its comments and other facts:
-- one that differs later is somebody's at the destination.
--
-- %(generation)s  bigint
-- %(schemas)s     text[]
-- {state}         state.sql
insert into elt.object (generation, classid, objid, comments, facts)
with chosen as (
    select oid from pg_namespace where nspname = any(%(schemas)s)
),
extended as materialized ( -- what goes with an extension
    select d.classid, d.objid, jsonb_build_object('extensions', jsonb_agg(e.extname)) as facts
    from pg_depend d
    join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
    where d.deptype = 'x'
    group by d.classid, d.objid
)
select %(generation)s, o.classid, o.objid, (
    select jsonb_object_agg(d.objsubid, d.description)
    from pg_description d
    where d.classoid = o.classid and d.objoid = o.objid
), nullif(coalesce((
    select jsonb_strip_nulls(jsonb_build_object(
        'name', c.relname, 'owner', c.relowner, 'row security', c.relrowsecurity, 'forced row security', c.relforcerowsecurity, 'identity', c.relreplident,
        'identity index', (
            select x.relname from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid and i.indisreplident
        ),
        'cluster', (
            select x.relname from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid and i.indisclustered
        ),
        'options', to_jsonb(c.reloptions),
        'toast options', (select to_jsonb(t.reloptions) from pg_class t where t.oid = c.reltoastrelid),
        'width', c.relnatts,
        'not null', (
            select coalesce(jsonb_agg(a.attnum), '[]') from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and a.attnotnull
        ),
        'columns', (
            select jsonb_object_agg(a.attnum, jsonb_build_array(a.attstattarget, a.attoptions, a.attstorage, a.attcompression))
            from pg_attribute a
            join pg_type t on t.oid = a.atttypid
            where a.attrelid = c.oid and a.attnum > 0
                and (a.attstattarget >= 0 or a.attoptions is not null or a.attstorage <> t.typstorage or a.attcompression <> '')
        )
    ))
    from pg_class c
    where o.classid = 'pg_class'::regclass and c.oid = o.objid and c.relkind in ('r', 'p', 'm', 'v', 'S')
), (
    select jsonb_build_object('options', c.reloptions)
    from pg_class c
    where o.classid = 'pg_class'::regclass and c.oid = o.objid and c.relkind = 'i' and c.reloptions is not null
), (
    select jsonb_build_object('name', p.proname, 'owner', p.proowner) from pg_proc p where o.classid = 'pg_proc'::regclass and p.oid = o.objid
), (
    select jsonb_build_object('name', t.typname, 'owner', t.typowner)
    from pg_type t
    where o.classid = 'pg_type'::regclass and t.oid = o.objid and t.typtype in ('d', 'e', 'r', 'c')
        and not exists (select from pg_class c where c.oid = t.typrelid and c.relkind <> 'c')
), '{{}}') || coalesce(extended.facts, '{{}}') || coalesce(jsonb_strip_nulls(jsonb_build_object('state', now.state)), '{{}}'), '{{}}')
from (
    select 'pg_class'::regclass::oid as classid, oid as objid, relnamespace as namespace from pg_class
    union all
    select 'pg_type'::regclass, oid, typnamespace from pg_type
    union all
    select 'pg_proc'::regclass, oid, pronamespace from pg_proc
    union all
    select 'pg_operator'::regclass, oid, oprnamespace from pg_operator
    union all
    select 'pg_opclass'::regclass, oid, opcnamespace from pg_opclass
    union all
    select 'pg_opfamily'::regclass, oid, opfnamespace from pg_opfamily
    union all
    select 'pg_collation'::regclass, oid, collnamespace from pg_collation
    union all
    select 'pg_conversion'::regclass, oid, connamespace from pg_conversion
    union all
    select 'pg_ts_config'::regclass, oid, cfgnamespace from pg_ts_config
    union all
    select 'pg_ts_dict'::regclass, oid, dictnamespace from pg_ts_dict
    union all
    select 'pg_ts_parser'::regclass, oid, prsnamespace from pg_ts_parser
    union all
    select 'pg_ts_template'::regclass, oid, tmplnamespace from pg_ts_template
    union all
    select 'pg_statistic_ext'::regclass, oid, stxnamespace from pg_statistic_ext
    union all
    select 'pg_constraint'::regclass, oid, connamespace from pg_constraint
    union all
    select 'pg_trigger'::regclass, t.oid, c.relnamespace from pg_trigger t join pg_class c on c.oid = t.tgrelid
    union all
    select 'pg_policy'::regclass, p.oid, c.relnamespace from pg_policy p join pg_class c on c.oid = p.polrelid
    union all
    select 'pg_rewrite'::regclass, r.oid, c.relnamespace from pg_rewrite r join pg_class c on c.oid = r.ev_class
    union all
    select 'pg_attrdef'::regclass, d.oid, c.relnamespace from pg_attrdef d join pg_class c on c.oid = d.adrelid
    union all
    select 'pg_cast'::regclass, k.oid, t.typnamespace from pg_cast k join pg_type t on t.oid in (k.castsource, k.casttarget)
    union all
    select 'pg_amop'::regclass, a.oid, f.opfnamespace from pg_amop a join pg_opfamily f on f.oid = a.amopfamily
    union all
    select 'pg_amproc'::regclass, a.oid, f.opfnamespace from pg_amproc a join pg_opfamily f on f.oid = a.amprocfamily
    union all
    select 'pg_class'::regclass, toast.oid, c.relnamespace
    from pg_class c
    join pg_class toast on toast.oid = c.reltoastrelid
    union all
    select 'pg_class'::regclass, x.indexrelid, c.relnamespace
    from pg_class c
    join pg_index x on x.indrelid = c.reltoastrelid
) o
join chosen on chosen.oid = o.namespace
left join extended on extended.classid = o.classid and extended.objid = o.objid
left join ({state}) now on now.classid = o.classid and now.objid = o.objid
where (o.classid, o.objid) not in (select classid, objid from pg_depend where deptype = 'e')
on conflict do nothing
