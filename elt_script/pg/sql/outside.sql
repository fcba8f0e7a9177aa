-- What a database holds outside the schemas that a run copies, or cannot copy from them.
--
-- returns    kind text, name text, reason text
select 'foreign table' as kind, c.oid::regclass::text as name, 'its rows live on another server' as reason
from pg_class c
where c.relkind = 'f'
union all
select 'foreign server', srvname, 'it belongs to no schema, and its user mappings hold passwords'
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
order by 1, 2
