-- Be the only attempt at a job until the transaction ends: end the session of an earlier one, whose client is gone.
--
-- A server does not notice a client's end while what the client sent waits to be read, so that a load that lost its
-- programs may hold its locks for ever.
--
-- {key}    bigint, the job's own: the same for each attempt at it
-- returns  nothing of interest
select pg_terminate_backend(pid, 5000)
from pg_locks
where locktype = 'advisory'
    and granted
    and database = (select oid from pg_database where datname = current_database())
    and classid::bigint << 32 | objid::bigint = {key}
    and objsubid = 1
    and pid <> pg_backend_pid();
select pg_advisory_xact_lock({key});
