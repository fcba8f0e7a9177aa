-- Give large objects their length: what is behind it goes, what is missing are zeros.
--
-- {lengths}  oid, length bigint, behind `from`
select count(lo_close(case when lo_truncate64(f.fd, f.length) = 0 then f.fd end))
from (select lo_open(s.oid, 131072) as fd, s.length from {lengths} s offset 0) f
