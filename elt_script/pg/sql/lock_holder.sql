-- Who holds an advisory lock.
--
-- {key}      bigint expression
-- returns    pid int, application text, since timestamptz
select a.pid, a.application_name, a.backend_start
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory'
    and l.granted
    and l.database = (select oid from pg_database where datname = current_database())
    and ((l.classid::bigint << 32) | l.objid::bigint) = {key}
