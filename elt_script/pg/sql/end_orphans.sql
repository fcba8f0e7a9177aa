-- End the other sessions whose application's name begins like this, in this database.
--
-- %(application)s  text
-- returns          pid int
select pid
from pg_stat_activity
where datname = current_database()
    and pid <> pg_backend_pid()
    and starts_with(application_name, %(application)s)
    and pg_terminate_backend(pid, 5000)
