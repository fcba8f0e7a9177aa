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
order by 1, 2
