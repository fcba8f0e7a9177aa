-- End the session of a failed attempt at tables' keys and indexes, which may not know that its program is gone.
--
-- %(tables)s       text[], quoted
-- %(application)s  text, how the names of the run's sessions begin
-- returns          nothing of interest
select pg_terminate_backend(pid, 5000)
from pg_locks
join pg_stat_activity using (pid)
where database = (select oid from pg_database where datname = current_database())
    and relation = any (%(tables)s::regclass[]::oid[])
    and mode <> 'AccessShareLock'
    and starts_with(application_name, %(application)s)
    and pid <> pg_backend_pid()
