-- Sessions of others in this database that may see it as it was: those with a snapshot, or that do not show whether.
--
-- returns    virtualtransaction text, pid int, username text, application text, state text, age interval, query text
select
    l.virtualtransaction,
    a.pid,
    coalesce(a.usename, '')::text as username,
    coalesce(a.application_name, '') as application,
    coalesce(a.state, '') as state,
    date_trunc('second', clock_timestamp() - a.xact_start) as age,
    left(regexp_replace(a.query, '\s+', ' ', 'g'), 120) as query
from pg_stat_activity a
join pg_locks l on l.pid = a.pid and l.locktype = 'virtualxid' and l.virtualxid = l.virtualtransaction and l.granted
where a.datname = current_database()
    and a.usesysid is not null
    and a.application_name not like 'elt/%' -- runs, of other pipelines too, read no published table in an old snapshot
    and (a.backend_xmin is not null or a.xact_start is null)
