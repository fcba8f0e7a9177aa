-- Begin to load a part: what an earlier attempt has committed of it goes.
--
-- A table has no rows of an attempt that is not written down; without `exists` it would be read to find that out.
--
-- {staged}  the table that holds all parts
-- {key}     bigint, the part's own
-- {run_id}  text
-- returns   nothing
delete from only {staged}
where exists (select from elt.part where key = {key}) and xmin = (select p.xmin from elt.part p where p.key = {key});
delete from elt.part where key = {key};
insert into elt.part (key, run_id) values ({key}, {run_id})
