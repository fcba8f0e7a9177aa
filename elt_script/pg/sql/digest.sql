-- Row count and an order-free digest of a table's rows: the sum of a 64-bit hash of each.
--
-- The record's hash is linear in its columns' hashes, so its plain sum would miss values swapped between two
-- rows; mixed once more, it does not.
--
-- {at}       int, which table of a batch this is
-- {columns}  what to compare, in one fixed order
-- {table}    what to read, behind `from`
-- returns    at int, rows bigint, digest numeric
select
    {at}::int as at,
    count(*) as rows,
    coalesce(sum(hashint8extended(hash_record_extended(row({columns}), 0), 1)), 0) as digest
from {table} t
