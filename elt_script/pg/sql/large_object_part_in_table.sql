-- Part p.number of large object o.oid, from its pages, of which some may be missing.
--
-- {size}     bigint, of a part
-- returns    bytea
coalesce((
    select string_agg(
        substr(decode(repeat('00', {size}::int), 'hex'), 1, (g.at - greatest(g.before, p.number * {size}))::int) || g.data,
        ''::bytea order by g.at
    )
    from (
        select s.at, s.data, coalesce(lag(s.at + length(s.data)) over (order by s.at), 0) as before
        from (
            select pageno::bigint * (current_setting('block_size')::int / 4) as at, data
            from pg_largeobject
            where loid = o.oid
                and pageno >= p.number * {size} / (current_setting('block_size')::int / 4)
                and pageno < (p.number + 1) * {size} / (current_setting('block_size')::int / 4)
        ) s
    ) g
), ''::bytea)
