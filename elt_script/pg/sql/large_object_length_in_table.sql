-- The length of large object m.oid, for whom may read the table of their pages.
--
-- returns    bigint
coalesce((
    select g.pageno::bigint * (current_setting('block_size')::int / 4) + length(g.data)
    from pg_largeobject g
    where g.loid = m.oid
    order by g.pageno desc
    limit 1
), 0)
