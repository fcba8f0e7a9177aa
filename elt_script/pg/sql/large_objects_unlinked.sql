-- Remove some of the large objects that no generation has any more: each takes a lock, of which a transaction has few.
--
-- returns  how many bigint
with going as (
    delete from elt.large_object_gone
    where oid in (select oid from elt.large_object_gone order by oid limit 500 for update skip locked)
    returning oid
)
select count(*) + 0 * count(lo_unlink(m.oid))
from going
left join pg_largeobject_metadata m on m.oid = going.oid
