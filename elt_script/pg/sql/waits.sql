-- What a run's sessions are doing at this moment, but for those that have nothing to do.
--
-- %(application)s  the name that all of theirs begin with
-- returns          reason text (kind and name of what is waited for, or null: it computes), sessions bigint
select wait_event_type || ': ' || wait_event as reason, count(*) as sessions
from pg_stat_activity
where starts_with(application_name, %(application)s)
and pid <> pg_backend_pid()
and state = 'active'
group by reason
