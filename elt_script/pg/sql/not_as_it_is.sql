-- What of some schemas no script can make again as it is.
--
-- %(schemas)s  text[]
-- returns      kind text, name text, reason text, catalog oid and oid of what an archive must be rid of, or null
with recursive heirs as (
    select c.oid, (
        select array_agg(a.attname order by a.attnum)
        from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) as columns, (
        -- Postgres puts the parents' columns first, in the order of the parents
        select array_agg(made.name order by made.nth)
        from (
            select o.name, min(o.nth) as nth
            from (
                select a.attname as name, h.inhseqno * 2000 + a.attnum as nth
                from pg_inherits h
                join pg_attribute a on a.attrelid = h.inhparent and a.attnum > 0 and not a.attisdropped
                where h.inhrelid = c.oid
                union all
                select a.attname, 2000000000 + a.attnum
                from pg_attribute a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            ) o
            group by o.name
        ) made
    ) as made
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = any(%(schemas)s)
    where c.relkind = 'r' and not c.relispartition and exists (select from pg_inherits h where h.inhrelid = c.oid)
),
moved as (
    select oid from heirs where columns <> made
    union
    select h.inhrelid from moved join pg_inherits h on h.inhparent = moved.oid
),
made_of as (
    select typelem as part, oid as whole, false as composite from pg_type where typelem <> 0
    union all
    select typbasetype, oid, false from pg_type where typbasetype <> 0
    union all
    select a.atttypid, c.reltype, true
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.reltype <> 0
    where a.attnum > 0 and not a.attisdropped
),
with_xml as (
    select 'xml'::regtype::oid as type, false as inside
    union
    select m.whole, x.inside or m.composite from with_xml x join made_of m on m.part = x.type
)
select
    'order of columns' as kind, oid::regclass::text as name,
    'columns that came to the tables it inherits from after it was made stand before its own' as reason,
    null::bigint as catalog, null::bigint as oid
from moved
union all
select 'type', t.oid::regtype::text, 'it is a mere shell, which nobody can move', 'pg_type'::regclass::bigint, t.oid::bigint
from pg_type t
join pg_namespace n on n.oid = t.typnamespace and n.nspname = any(%(schemas)s)
where not t.typisdefined
union all
select 'operator', o.oid::regoperator::text, 'it is a mere shell, which no other one names', null, null
from pg_operator o
join pg_namespace n on n.oid = o.oprnamespace and n.nspname = any(%(schemas)s)
where o.oprcode = 0 and not exists (select from pg_operator p where p.oprcode <> 0 and o.oid in (p.oprcom, p.oprnegate))
union all
select
    'encodings of xml', format('%%s.%%s.%%s', n.nspname, c.relname, a.attname),
    'the text of xml within a composite leaves out the encoding that it says it has', null, null
from with_xml x
join pg_attribute a on a.atttypid = x.type and a.attnum > 0 and not a.attisdropped
join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
join pg_namespace n on n.oid = c.relnamespace and n.nspname = any(%(schemas)s)
where x.inside
union all
select
    'foreign key', format('%%s of %%s.%%s', k.conname, n.nspname, c.relname),
    'the same one, which the table has from the one it is a partition of, takes it over', null, null
from pg_constraint k
join pg_class c on c.oid = k.conrelid and c.relispartition
join pg_namespace n on n.oid = c.relnamespace and n.nspname = any(%(schemas)s)
where k.contype = 'f' and k.conparentid = 0 and exists (
    select from pg_constraint o
    where o.conrelid = k.conrelid and o.contype = 'f' and o.conparentid <> 0 and o.confrelid = k.confrelid
        and (o.conkey, o.confkey, o.confupdtype, o.confdeltype, o.confmatchtype, o.condeferrable, o.condeferred)
            = (k.conkey, k.confkey, k.confupdtype, k.confdeltype, k.confmatchtype, k.condeferrable, k.condeferred)
)
union all
select
    'type of sequence', format('%%s.%%s', n.nspname, s.relname),
    format('it is of %%s, which is of another type: the copy''s is that of the column', a.attname), null, null
from pg_sequence q
join pg_class s on s.oid = q.seqrelid
join pg_namespace n on n.oid = s.relnamespace and n.nspname = any(%(schemas)s)
join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.oid and d.refclassid = 'pg_class'::regclass
    and d.deptype = 'i'
join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and a.atttypid <> q.seqtypid
order by 1, 2
