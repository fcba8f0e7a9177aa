-- What moment this transaction's snapshot is.
--
-- returns    as_of timestamptz, lsn text (of the WAL, replayed or written)
select
    transaction_timestamp() as as_of,
    case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text as lsn
