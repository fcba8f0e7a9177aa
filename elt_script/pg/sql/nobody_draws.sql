-- Whether no session at this server holds an advisory lock, in whatever database.
--
-- %(key)s  text, whose hash is the lock
-- returns  bool
select not exists (
    select
    from pg_locks
    where locktype = 'advisory' and ((classid::bigint << 32) | objid::bigint) = hashtextextended(%(key)s, 0)
)
