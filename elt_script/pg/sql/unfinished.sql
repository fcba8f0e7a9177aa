-- Runs that say they are at work.
--
-- %(pipeline)s  text
-- returns       run_id text, staging text[]
select run_id, staging from elt.run where pipeline = %(pipeline)s and status = 'running' order by started_at
