-- The parts of composites that may name objects of the database: types of regclass and the like, and what is made of them.
--
-- returns    oid bigint (of the composite), name text, type bigint (of the part)
with recursive naming as (
    select oid as type from pg_type where oid < 10000 and typname ~ '^reg' and typname <> 'regrole'
    union
    select m.whole
    from naming n
    join (
        select typelem as part, oid as whole from pg_type where typelem <> 0
        union all
        select typbasetype, oid from pg_type where typbasetype <> 0
        union all
        select a.atttypid, c.reltype
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid and c.reltype <> 0 and c.oid >= 16384
        where a.attnum > 0 and not a.attisdropped
    ) m on m.part = n.type
)
select c.reltype::bigint as oid, a.attname::text as name, a.atttypid::bigint as type
from naming n
join pg_attribute a on a.atttypid = n.type and a.attnum > 0 and not a.attisdropped
join pg_class c on c.oid = a.attrelid and c.reltype <> 0 and c.oid >= 16384
