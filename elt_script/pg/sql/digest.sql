-- Row count and an order-free digest of a table's rows: the sum of a 64-bit hash of each.
--
-- A record's hash is linear in its columns' hashes, so its plain sum would miss values swapped between two rows;
-- mixed once more, it does not.
--
-- {at}       int, which table of a batch this is
-- {hash}     bigint, the hash of a row t
-- {table}    what to read, behind `from`
-- returns    at int, rows bigint, digest numeric
select
    {at}::int as at,
    count(*) as rows,
    coalesce(sum(hashint8extended({hash}, 1)), 0) as digest
from {table} t
