-- Write down a live generation that elt did not publish.
--
-- %(pipeline)s text · %(schemas)s text[]
-- returns      number bigint
insert into elt.generation (pipeline, run_id, schemas, tables, rows, bytes, place, published_at)
values (%(pipeline)s, 'adopted', %(schemas)s, 0, 0, 0, 0, clock_timestamp())
returning number
