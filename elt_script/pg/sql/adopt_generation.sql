-- Write down a generation that elt did not publish; it has no place until it is replaced.
--
-- %(pipeline)s text · %(schemas)s text[]
-- returns      number bigint
insert into elt.generation (pipeline, run_id, schemas, tables, rows, bytes, published_at)
values (%(pipeline)s, 'adopted', %(schemas)s, 0, 0, 0, clock_timestamp())
returning number
