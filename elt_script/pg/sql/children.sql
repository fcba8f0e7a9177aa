-- Which relation is a partition or an heir of which.
--
-- returns    child oid, parent oid
select inhrelid::bigint as child, inhparent::bigint as parent
from pg_inherits
join pg_class c on c.oid = inhrelid and c.relkind in ('r', 'p', 'f')
order by 2, inhseqno, 1
