-- Who holds an advisory lock; other roles' sessions are seen by members of pg_read_all_stats alone.
--
-- %(key)s    text, whose hash is the lock
-- returns    pid int, application text or null, since timestamptz or null
select l.pid, nullif(a.application_name, '') as application, a.backend_start as since
from pg_locks l
left join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory'
    and l.granted
    and l.database = (select oid from pg_database where datname = current_database())
    and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended(%(key)s, 0)
