-- The last runs of a pipeline, the newest first.
--
-- %(pipeline)s text · %(last)s int, how many
-- returns      run_id, started_at, finished_at, status, exit_status, step, error, seconds, tables, rows, bytes
select
    run_id, started_at, finished_at, status, exit_status, step, error,
    extract(epoch from coalesce(finished_at, clock_timestamp()) - started_at)::float8 as seconds,
    tables, rows, bytes
from elt.run
where pipeline = %(pipeline)s
order by started_at desc
limit %(last)s
