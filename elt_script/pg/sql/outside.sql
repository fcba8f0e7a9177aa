-- What a database holds outside its schemas.
--
-- returns    kind text, name text, reason text
select 'foreign server' as kind, srvname as name, 'it belongs to no schema, and its user mappings hold passwords' as reason
from pg_foreign_server
union all
select 'foreign-data wrapper', fdwname, 'it belongs to no schema'
from pg_foreign_data_wrapper w
where not exists (select from pg_depend where classid = 'pg_foreign_data_wrapper'::regclass and objid = w.oid and deptype = 'e')
union all
select 'event trigger', evtname, 'it belongs to no schema'
from pg_event_trigger t
where not exists (select from pg_depend where classid = 'pg_event_trigger'::regclass and objid = t.oid and deptype = 'e')
union all
select 'publication', pubname, 'it belongs to no schema'
from pg_publication
union all
select 'subscription', subname, 'it belongs to no schema'
from pg_subscription
where subdbid = (select oid from pg_database where datname = current_database())
union all
select 'large objects', count(*)::text, 'they belong to no schema'
from pg_largeobject_metadata
having count(*) > 0
union all
select 'procedural language', lanname, 'it belongs to no schema and to no extension'
from pg_language l
where l.oid >= 16384
    and not exists (select from pg_depend where classid = 'pg_language'::regclass and objid = l.oid and deptype = 'e')
union all
select 'access method', amname, 'it belongs to no schema and to no extension'
from pg_am a
where a.oid >= 16384
    and not exists (select from pg_depend where classid = 'pg_am'::regclass and objid = a.oid and deptype = 'e')
union all
select 'tablespace', spcname, 'what is in it arrives in the default one of the destination'
from pg_tablespace t
where exists (select from pg_class where reltablespace = t.oid and oid >= 16384)
union all
select 'rows of extension table', c.oid::regclass::text, 'they belong to extension ' || e.extname
from pg_extension e
cross join unnest(e.extconfig) config
join pg_class c on c.oid = config and c.relkind = 'r'
order by 1, 2
