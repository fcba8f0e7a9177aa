-- The content of large objects in parts of one size, without those that are nothing but zeros.
--
-- A part has no zeros at its end: the object's length tells of them, or the next part. So a hole is the same as zeros,
-- which is what readers see of it, and needs no room.
--
-- {objects}  what has their numbers and lengths, behind `from`
-- {part}     bytea, part p.number of object o.oid
-- {size}     bigint, of a part
-- returns    oid, number int, data bytea
select o.oid, p.number::int as number, r.data
from {objects} o
cross join lateral generate_series(0, (o.length - 1) / {size}) p (number)
cross join lateral (select {part} as data offset 0) whole
cross join lateral (
    select case
        when whole.data <> decode(repeat('00', {size}::int), 'hex') then rtrim(whole.data, '\x00'::bytea)
        else ''::bytea
    end as data
    offset 0
) r
where r.data <> ''
