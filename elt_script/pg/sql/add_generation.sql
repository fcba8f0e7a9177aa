-- Write down a generation that is staged.
--
-- %(pipeline)s, %(run_id)s text · %(as_of)s timestamptz · %(lsn)s text · %(schemas)s text[] · %(tables)s, %(rows)s,
-- %(bytes)s    counts · %(comments)s jsonb {final schema: comment}
-- returns      number bigint
insert into elt.generation (pipeline, run_id, as_of, lsn, schemas, tables, rows, bytes, comments)
values (%(pipeline)s, %(run_id)s, %(as_of)s, %(lsn)s, %(schemas)s, %(tables)s, %(rows)s, %(bytes)s, %(comments)s)
returning number
