-- The length of large object m.oid, for whom may read it. What is opened is closed: a session has room for few.
--
-- returns    bigint
(
    select l.length
    from (select lo_open(m.oid, 262144) as fd offset 0) f
    cross join lateral (select lo_lseek64(f.fd, 0, 2) as length offset 0) l
    where lo_close(case when l.length >= 0 then f.fd end) = 0
)
