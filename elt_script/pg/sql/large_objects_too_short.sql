-- The large objects whose end are zeros, which no part has.
--
-- {objects}    the wanted ones, behind `from`
-- {parts}      their content, behind `from`
-- {size}       bigint, of a part
-- %(changed)s  oid[], those to look at
-- returns      oid, length bigint
select w.oid, w.length
from {objects} w
where w.oid = any(%(changed)s::oid[])
    and w.length > coalesce((
        select p.number * {size} + length(p.data)
        from {parts} p
        where p.oid = w.oid
        order by p.number desc
        limit 1
    ), 0)
