-- The sessions of a run at this server, and whether it is at work for them.
--
-- %(application)s  text, how their names begin
-- returns          name text, pid int, own bool (this very session), at_work bool (not waiting for its client, nor for
--                  another server while somebody waits for it: that may be who the other one waits for), mark text
--                  (which changes with every statement and with every row that moves)
select
    a.application_name,
    a.pid,
    a.pid = pg_backend_pid(),
    coalesce(a.state, 'disabled') = 'disabled'
        or a.state = 'active' and a.wait_event_type is distinct from 'Client' and not (
            a.wait_event_type = 'Extension' and exists (select from pg_stat_activity b where a.pid = any(pg_blocking_pids(b.pid)))
        ),
    concat_ws(' ', a.state_change, a.query_start, p.bytes_processed, p.tuples_processed)
from pg_stat_activity a
left join pg_stat_progress_copy p using (pid)
where starts_with(a.application_name, %(application)s)
