-- What the catalogs know and pg_dump's text does not show, or only now and then.
--
-- The keys of a catalog's row are taken as this server's version has them: the reader compares those that
-- both servers have.
--
-- returns    kind text, schema text, object text, facts jsonb
with recursive schemas as (
    select oid, nspname
    from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema'
),
relations as (
    select c.*, n.nspname
    from pg_class c
    join schemas n on n.oid = c.relnamespace
    where c.relkind <> 't'
        and not exists (
            select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
        )
),
roots as (
    select oid, oid as root from pg_constraint where conparentid = 0
    union all
    select k.oid, roots.root from roots join pg_constraint k on k.conparentid = roots.oid
),
constraints as (
    select
        k.*,
        -- A foreign key has a copy for each partition of its own table and of the one that it refers to, which
        -- pg_dump does not name: it is known by these tables.
        case
            when k.contype = 'f' and k.conparentid <> 0
            then format('%s.%s > %s', t.relname, o.conname, f.relname)
            else k.conname::text
        end as name
    from pg_constraint k
    left join roots on roots.oid = k.oid
    left join pg_constraint o on o.oid = roots.root
    left join pg_class t on t.oid = o.conrelid
    left join pg_class f on f.oid = k.confrelid
)
select
    'relation' as kind,
    r.nspname::text as schema,
    r.relname::text as object,
    (
        select jsonb_object_agg(key, value)
        from jsonb_each(to_jsonb(r))
        where key in (
            'relkind', 'relpersistence', 'relreplident', 'relrowsecurity', 'relforcerowsecurity',
            'relispopulated', 'relispartition', 'reloptions'
        )
    ) || jsonb_build_object(
        'access method', (select amname from pg_am where oid = r.relam),
        'tablespace', (select spcname from pg_tablespace where oid = r.reltablespace),
        'toast options', (select reloptions from pg_class where oid = r.reltoastrelid),
        'detach pending', exists (select from pg_inherits where inhrelid = r.oid and inhdetachpending)
    ) as facts
from relations r
union all
select
    'column',
    r.nspname,
    -- An index's column keeps the name that its table's had as it was made, and goes by its number.
    -- No name is quoted: what is a keyword depends on the version.
    format('%s.%s', r.relname, case when r.relkind in ('i', 'I') then a.attnum::text else a.attname end),
    (
        select jsonb_object_agg(key, value)
        from jsonb_each(to_jsonb(a))
        where key in (
            'attidentity', 'attgenerated', 'attnotnull', 'attislocal', 'attinhcount', 'atthasdef'
        )
    ) || jsonb_build_object(
        -- Some minor releases keep a number of their own there, which means nothing elsewhere.
        'options', (select array_agg(o order by o) from unnest(a.attoptions) o where o not like 'pg\_attver=%'),
        'position', (
            select count(*) from pg_attribute b
            where b.attrelid = a.attrelid and b.attnum between 1 and a.attnum and not b.attisdropped
        ),
        'statistics target', coalesce(a.attstattarget, -1),
        'type modifier', a.atttypmod,
        'collation', (select collname from pg_collation where oid = a.attcollation)
    ) || case
        -- How an index stores depends on when it was made, before or after its table was altered.
        when r.relkind in ('i', 'I') then '{}'
        else jsonb_build_object('storage', a.attstorage, 'compression', a.attcompression)
    end
from relations r
join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
union all
select
    case when k.contype = 'n' then 'not null' else 'constraint' end,
    n.nspname,
    format('%I.%I', coalesce(r.relname, t.typname), k.name),
    (
        select jsonb_object_agg(key, value)
        from jsonb_each(to_jsonb(k))
        -- Not connoinherit: pg_dump writes that of checks and not-nulls; a key's says only whether it was there before its
        -- table was a partition, and nothing reads it.
        where key in (
            'contype', 'convalidated', 'conenforced', 'condeferrable', 'condeferred', 'conislocal',
            'coninhcount', 'confupdtype', 'confdeltype', 'confmatchtype', 'conname'
        )
    )
from constraints k
join schemas n on n.oid = k.connamespace
left join relations r on r.oid = k.conrelid
left join pg_type t on t.oid = k.contypid
where coalesce(r.relname, t.typname) is not null
union all
select
    'index',
    r.nspname,
    r.relname,
    (
        select jsonb_object_agg(key, value)
        from jsonb_each(to_jsonb(i))
        where key in (
            'indisunique', 'indnullsnotdistinct', 'indisprimary', 'indisexclusion', 'indimmediate',
            'indisclustered', 'indisvalid', 'indisready', 'indislive', 'indisreplident'
        )
    )
from relations r
join pg_index i on i.indexrelid = r.oid
union all
select
    'trigger',
    r.nspname,
    -- A trigger that enforces a foreign key has its own OID in its name.
    case
        when t.tgisinternal
        then format('%I: %s of %I.%I (%s)', r.relname, t.tgfoid::regproc, kr.relname, k.name, t.tgtype)
        else format('%I.%I', r.relname, t.tgname)
    end,
    jsonb_build_object('enabled', t.tgenabled, 'deferrable', t.tgdeferrable, 'deferred', t.tginitdeferred)
from relations r
join pg_trigger t on t.tgrelid = r.oid
left join constraints k on k.oid = t.tgconstraint
left join pg_class kr on kr.oid = k.conrelid
union all
select 'rule', r.nspname, format('%I.%I', r.relname, w.rulename), jsonb_build_object('enabled', w.ev_enabled)
from relations r
join pg_rewrite w on w.ev_class = r.oid
union all
select
    'statistics',
    n.nspname,
    s.stxname,
    jsonb_build_object('target', coalesce(s.stxstattarget, -1), 'kinds', s.stxkind::text)
from pg_statistic_ext s
join schemas n on n.oid = s.stxnamespace
union all
-- pg_dump shows no comments on what comes with something else.
select 'comment', coalesce(n.nspname, a.object_names[1]), format('%s %s %s', i.type, coalesce(i.name, ''), a.object_names[2:]),
    jsonb_build_object('says', d.description)
from pg_description d
cross join pg_identify_object(d.classoid, d.objoid, 0) i
cross join pg_identify_object_as_address(d.classoid, d.objoid, 0) a
left join schemas n on n.nspname = i.schema
where d.classoid in ('pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass, 'pg_type'::regclass)
    and d.objoid >= 16384 and i.type <> 'domain constraint'
