-- A digest of what else somebody may alter of an object, and a next generation has as at the source: what of it is not carried
-- over (see carried.sql). A part of members.sql and altered_there.sql.
--
-- gives  classid, objid, state text
select k.classid, k.objid, left(md5(k.state::text), 12) as state
from (
    select 'pg_class'::regclass::oid as classid, c.oid as objid, row(
        c.relpersistence, s.seqtypid, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle, case c.relkind when 'S' then array(
            select row(d.refobjid, d.refobjsubid)::text
            from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
        ) end
    ) as state
    from pg_class c
    left join pg_sequence s on s.seqrelid = c.oid
    where c.relkind in ('r', 'p', 'S')
    union all
    select 'pg_proc'::regclass, oid, row(
        procost, prorows, prosecdef, proleakproof, proisstrict, provolatile, proparallel, proargnames, proconfig, prosrc, probin
    )
    from pg_proc
    union all
    select 'pg_trigger'::regclass, oid, row(tgname, tgenabled) from pg_trigger where not tgisinternal
    union all
    select 'pg_rewrite'::regclass, oid, row(ev_enabled, ev_action) from pg_rewrite
    union all
    select 'pg_policy'::regclass, oid, row(polname, polroles, polqual, polwithcheck) from pg_policy
    union all
    select 'pg_constraint'::regclass, oid, row(conname, condeferrable, condeferred, convalidated) from pg_constraint where conrelid <> 0
) k
where k.objid >= 16384
