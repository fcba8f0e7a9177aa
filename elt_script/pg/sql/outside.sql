-- What a database holds outside its schemas.
--
-- returns    kind text, name text, reason text, catalog oid and oid of what an archive must be rid of one by one, or null
select
    'foreign server' as kind, srvname::text as name, 'it belongs to no schema, and its user mappings hold passwords' as reason,
    null::bigint as catalog, null::bigint as oid
from pg_foreign_server
union all
select 'foreign-data wrapper', fdwname, 'it belongs to no schema', null, null
from pg_foreign_data_wrapper w
where not exists (select from pg_depend where classid = 'pg_foreign_data_wrapper'::regclass and objid = w.oid and deptype = 'e')
union all
select 'event trigger', evtname, 'it belongs to no schema', null, null
from pg_event_trigger t
where not exists (select from pg_depend where classid = 'pg_event_trigger'::regclass and objid = t.oid and deptype = 'e')
union all
select 'publication', pubname, 'it belongs to no schema', null, null
from pg_publication
union all
select 'subscription', subname, 'it belongs to no schema', null, null
from pg_subscription
where subdbid = (select oid from pg_database where datname = current_database())
union all
select
    'large objects', count(*)::text,
    'the config does not ask for them; ' || coalesce(
        'columns that may hold some: ' || (
            select string_agg(format('%s.%s.%s', n.nspname, c.relname, a.attname), ', ' order by n.nspname, c.relname, a.attnum)
            from pg_attribute a
            join pg_type t on t.oid = a.atttypid and 'oid'::regtype in (t.oid, t.typbasetype)
            join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
            join pg_namespace n on n.oid = c.relnamespace and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            where a.attnum > 0 and not a.attisdropped
        ),
        'no column is of type oid'
    ),
    null, null
from pg_largeobject_metadata
having count(*) > 0
union all
select 'procedural language', lanname, 'it belongs to no schema and to no extension', null, null
from pg_language l
where l.oid >= 16384
    and not exists (select from pg_depend where classid = 'pg_language'::regclass and objid = l.oid and deptype = 'e')
union all
select 'access method', amname, 'it belongs to no schema and to no extension', null, null
from pg_am a
where a.oid >= 16384
    and not exists (select from pg_depend where classid = 'pg_am'::regclass and objid = a.oid and deptype = 'e')
union all
select 'tablespace', spcname, 'what is in it arrives in the default one of the destination', null, null
from pg_tablespace t
where exists (select from pg_class where reltablespace = t.oid and oid >= 16384)
union all
-- one that is about a type of a schema stands beside an older one; of these there can only be one
select
    i.type, i.identity, 'it belongs to no schema, as its types are the server''s or an extension''s', o.classid::bigint, o.oid::bigint
from (
    select 'pg_cast'::regclass as classid, oid, array[castsource, casttarget] as types from pg_cast
    union all
    select 'pg_transform'::regclass, oid, array[trftype] from pg_transform
) o
cross join pg_identify_object(o.classid, o.oid, 0) i
where o.oid >= 16384
    and not exists (select from pg_depend where classid = o.classid and objid = o.oid and deptype = 'e')
    and not exists (
        select
        from pg_type t
        where t.oid = any (o.types) and t.oid >= 16384
            and not exists (select from pg_depend where classid = 'pg_type'::regclass and objid = t.oid and deptype = 'e')
    )
union all
select i.type, i.identity, 'it belongs to a family of the system''s', null, null
from (
    select 'pg_amop'::regclass as classid, oid, amopfamily as family, 'pg_operator'::regclass as by, amopopr as does from pg_amop
    union all
    select 'pg_amproc', oid, amprocfamily, 'pg_proc', amproc from pg_amproc
) o
cross join pg_identify_object(o.classid, o.oid, 0) i
where o.oid >= 16384
    and o.family < 16384
    and not exists (
        select
        from pg_depend
        where classid = o.classid and objid = o.oid and refclassid = 'pg_opclass'::regclass and deptype = 'i'
    )
    and not exists (select from pg_depend where classid = o.by and objid = o.does and deptype = 'e')
union all
select i.type, i.identity, 'it is in a schema of the system''s', null, null
from (
    select 'pg_proc'::regclass as classid, oid as objid, pronamespace as namespace from pg_proc
    union all
    select 'pg_class', oid, relnamespace from pg_class where relkind in ('r', 'p', 'v', 'm', 'S')
    union all
    select 'pg_operator', oid, oprnamespace from pg_operator
    union all
    select 'pg_type', oid, typnamespace from pg_type where typtype in ('d', 'e', 'r')
) o
cross join pg_identify_object(o.classid, o.objid, 0) i
where o.objid >= 16384
    and o.namespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and not exists (
        select from pg_depend d where d.classid = o.classid and d.objid = o.objid and d.deptype in ('e', 'i')
    )
order by 1, 2
