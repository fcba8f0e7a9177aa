-- Which of the wanted large objects are not here as they are wanted.
--
-- {objects}  the wanted ones, behind `from`; without a length they are as they are
-- {parts}    their content, behind `from`
-- {length}   bigint, the length of object m.oid
-- {size}     bigint, of a part
-- returns    oid bigint, missing bool (it is not here), lost bool (nor is its content anywhere)
select w.oid::bigint as oid, m.oid is null as missing, m.oid is null and w.length is null as lost
from {objects} w
left join pg_largeobject_metadata m on m.oid = w.oid
where case
    when m.oid is null then true
    when w.length is null then false
    when {length} <> w.length then true
    else exists (
        select
        from generate_series(0, (w.length - 1) / {size}) n (number)
        left join {parts} p on p.oid = w.oid and p.number = n.number
        cross join lateral (select lo_get(w.oid, n.number * {size}, {size}::int) as data offset 0) here
        where coalesce(p.data, '') <> case
            when here.data <> decode(repeat('00', {size}::int), 'hex') then rtrim(here.data, '\x00'::bytea)
            else ''::bytea
        end
    )
end
