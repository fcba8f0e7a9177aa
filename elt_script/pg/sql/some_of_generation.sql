-- Some tables of a generation, no partitions: as many as one transaction may drop, each with a dozen locks or so.
--
-- %(generation)s  bigint
-- returns         relation bigint, name text, of int (how many there are)
select c.oid::bigint, c.oid::regclass::text, count(*) over ()
from elt.object o
join pg_class c on o.classid = 'pg_class'::regclass and c.oid = o.objid
where o.generation = %(generation)s and c.relkind = 'r' and not c.relispartition
limit greatest(10, current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int / 40)
