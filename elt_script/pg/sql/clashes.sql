-- What somebody has at the destination under a name that something staged will need, beside what the plan looks for.
--
-- %(places)s  jsonb {final schema: where the next generation is staged}
-- %(live)s    bigint, the generation that makes room, or null
-- returns     object text, as people name it
with places as (
    select f.oid as final, s.oid as staged
    from jsonb_each_text(%(places)s::jsonb) e
    join pg_namespace f on f.nspname = e.key
    join pg_namespace s on s.nspname = e.value
),
named as (
    select 'pg_class'::regclass as classid, c.oid as objid, c.relnamespace as namespace, c.relname::text as name, i.indrelid as part_of
    from pg_class c
    left join pg_index i on i.indexrelid = c.oid
    union all
    select 'pg_type', oid, typnamespace, typname, case when typrelid = 0 then typelem else typrelid end
    from pg_type
    union all
    select 'pg_statistic_ext', oid, stxnamespace, stxname, null from pg_statistic_ext
    union all
    select 'pg_collation', oid, collnamespace, collname, null from pg_collation
    union all
    select 'pg_conversion', oid, connamespace, conname, null from pg_conversion
    union all
    select 'pg_operator', oid, oprnamespace, format('%%s %%s %%s', oprname, oprleft, oprright), null from pg_operator
    union all
    select 'pg_opclass', oid, opcnamespace, format('%%s %%s', opcname, opcmethod), null from pg_opclass
    union all
    select 'pg_opfamily', oid, opfnamespace, format('%%s %%s', opfname, opfmethod), null from pg_opfamily
    union all
    select 'pg_ts_config', oid, cfgnamespace, cfgname, null from pg_ts_config
    union all
    select 'pg_ts_dict', oid, dictnamespace, dictname, null from pg_ts_dict
),
found as materialized ( -- others' things; what makes room is none, nor are the indexes that somebody has added to it
    select theirs.classid, theirs.objid
    from places
    join named theirs on theirs.namespace = places.final
    join named ours on ours.namespace = places.staged and ours.classid = theirs.classid and ours.name = theirs.name
    where not (theirs.classid = 'pg_type'::regclass and theirs.part_of <> 0 and ours.part_of <> 0) -- their tables, or elements, clash
        and not exists (
            select from elt.object o where (o.generation, o.classid, o.objid) = (%(live)s, theirs.classid, theirs.objid)
        )
        and not exists (
            select from elt.object o
            where (o.generation, o.classid, o.objid) = (%(live)s, 'pg_class'::regclass, theirs.part_of)
                and theirs.classid = 'pg_class'::regclass
        )
)
select distinct i.type || ' ' || i.identity as object
from found
cross join pg_identify_object(found.classid, found.objid, 0) i
order by 1
