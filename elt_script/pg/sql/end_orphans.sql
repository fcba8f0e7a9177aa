-- End the other sessions of an application in this database.
--
-- %(application)s  text, how its sessions' names begin
-- %(but)s          int, the pid of one that stays
-- returns          pid int
with orphans as materialized (
    select pid
    from pg_stat_activity
    where datname = current_database()
        and pid not in (pg_backend_pid(), %(but)s)
        and starts_with(application_name, %(application)s)
)
select pid from orphans where pg_terminate_backend(pid, 5000)
