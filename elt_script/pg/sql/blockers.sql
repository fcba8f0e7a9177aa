-- Who holds locks on the relations of a generation.
--
-- %(generation)s  bigint
-- returns         pid int, username text, application text, age interval (of the transaction), state text, query text
select
    a.pid,
    coalesce(a.usename, '')::text as username,
    a.application_name as application,
    date_trunc('second', clock_timestamp() - a.xact_start) as age,
    coalesce(a.state, '') as state,
    left(regexp_replace(a.query, '\s+', ' ', 'g'), 120) as query
from pg_stat_activity a
where a.pid <> pg_backend_pid()
    and a.pid in (
        select l.pid
        from pg_locks l
        join elt.object o on o.classid = 'pg_class'::regclass and o.objid = l.relation
        where o.generation = %(generation)s
            and l.database = (select oid from pg_database where datname = current_database())
            and l.granted
    )
order by a.xact_start
limit 5
