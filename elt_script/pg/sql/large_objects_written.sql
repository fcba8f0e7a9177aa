-- Write the content of large objects, which are empty.
--
-- {parts}        their content, behind `from`
-- {size}         bigint, of a part
-- %(changed)s    oid[], those to write
select count(lo_put(p.oid, p.number * {size}, p.data))
from (
    select s.oid, s.number, s.data
    from {parts} s
    where s.oid = any(%(changed)s::oid[])
    order by s.oid, s.number
) p
