-- Who holds locks that keep us from some relations; the oldest transaction first.
--
-- %(relations)s  bigint[], OIDs of what we want for ourselves
-- %(reads)s      bigint[], OIDs of what we want to read
-- returns        pid int (null for a prepared transaction), username text, application text, state text,
--                age interval (of the transaction, or null), query text (or a prepared transaction's name, or null)
with held as materialized (
    select distinct l.pid, l.virtualtransaction
    from pg_locks l
    where l.granted
        and l.database = (select oid from pg_database where datname = current_database())
        and (l.relation = any(%(relations)s::oid[])
            or l.relation = any(%(reads)s::oid[]) and l.mode = 'AccessExclusiveLock')
        and l.pid is distinct from pg_backend_pid()
)
select
    held.pid,
    coalesce(a.usename, p.owner, '')::text as username,
    coalesce(a.application_name, '') as application,
    coalesce(a.state, '') as state,
    date_trunc('second', clock_timestamp() - coalesce(a.xact_start, p.prepared)) as age,
    coalesce(p.gid, left(regexp_replace(a.query, '\s+', ' ', 'g'), 120)) as query
from held
left join pg_stat_activity a on a.pid = held.pid
left join pg_locks x on held.pid is null and x.locktype = 'transactionid' and x.granted
    and x.virtualtransaction = held.virtualtransaction -- a prepared transaction keeps its session's, until a restart
left join pg_prepared_xacts p on p.transaction = x.transactionid
where a.pid is not null or p.gid is not null
order by coalesce(a.xact_start, p.prepared)
limit 5
