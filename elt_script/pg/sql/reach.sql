-- What of others rests on a generation, directly or by views and functions between: the beginning of a query.
--
-- %(generation)s  bigint
-- %(places)s      jsonb {final schema: where the next generation is staged}, empty if there is none
-- %(staying)s     bigint[], types that will be the next generation's, too
-- gives        generation, published (of any generation), tables (the generation's), needs (what views and functions of others rest on), depths (of those
--              that rest on the generation), rebuilt and remade (views and functions of others that can only be made anew),
--              ours (the generation, and all that is made anew)
with recursive generation as materialized (
    select classid, objid
    from elt.object
    where generation = %(generation)s
        and not (classid = 'pg_type'::regclass and objid = any(%(staying)s::bigint[]::oid[]))
),
published as materialized ( -- by any run: generations may be made of the same types
    select classid, objid from elt.object
),
tables as materialized (
    select c.oid, c.relkind, n.nspname, c.relname
    from generation g
    join pg_class c on g.classid = 'pg_class'::regclass and c.oid = g.objid and c.relkind in ('r', 'p', 'v', 'm')
    join pg_namespace n on n.oid = c.relnamespace
),
changed as materialized ( -- columns that have another type in the next generation
    select old.attrelid as relation, old.attnum
    from tables t
    join pg_namespace n on n.nspname = %(places)s::jsonb ->> t.nspname::text
    join pg_class c on c.relnamespace = n.oid and c.relname = t.relname
    join pg_attribute old on old.attrelid = t.oid and old.attnum > 0 and not old.attisdropped
    join pg_attribute new on new.attrelid = c.oid and new.attname = old.attname and not new.attisdropped
    where (old.atttypid, old.atttypmod, old.attcollation) is distinct from (new.atttypid, new.atttypmod, new.attcollation)
),
needs as materialized ( -- what the views and functions of others rest on
    select 'pg_class'::regclass::oid as classid, c.oid as objid, d.refclassid, d.refobjid, d.refobjsubid
    from pg_rewrite r
    join pg_class c on c.oid = r.ev_class and c.relkind in ('v', 'm')
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjid <> c.oid
    where r.rulename = '_RETURN' and c.oid >= 16384
        and not exists (select from published g where g.classid = 'pg_class'::regclass and g.objid = c.oid)
    union
    select 'pg_proc'::regclass, p.oid, d.refclassid, d.refobjid, d.refobjsubid
    from pg_proc p
    join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid
    where p.oid >= 16384
        and not exists (select from published g where g.classid = 'pg_proc'::regclass and g.objid = p.oid)
    union -- a row's type is its table's
    select 'pg_proc'::regclass, p.oid, 'pg_class'::regclass, row.typrelid, 0
    from pg_proc p
    join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_type'::regclass
    join pg_type t on t.oid = d.refobjid
    join pg_type row on row.oid in (t.oid, t.typelem) and row.typrelid <> 0
    where p.oid >= 16384
        and not exists (select from published g where g.classid = 'pg_proc'::regclass and g.objid = p.oid)
),
reach (classid, objid, depth) as (
    select distinct n.classid, n.objid, 1
    from needs n
    join generation g on g.classid = n.refclassid and g.objid = n.refobjid
    union
    select n.classid, n.objid, reach.depth + 1
    from reach
    join needs n on n.refclassid = reach.classid and n.refobjid = reach.objid
    where reach.depth < 100
),
depths as materialized (
    select classid, objid, max(depth) as depth from reach group by classid, objid
),
retyped (oid) as ( -- views whose own columns change their types, which `create or replace` cannot do
    select distinct d.objid
    from depths d
    join pg_attribute a on a.attrelid = d.objid and a.attnum > 0
    join generation g on g.classid = 'pg_type'::regclass and g.objid = a.atttypid
    where d.classid = 'pg_class'::regclass and %(places)s::jsonb <> '{{}}'
    union -- rows of materialized views that are made anew
    select a.attrelid
    from depths d
    join pg_attribute a on a.attrelid = d.objid and a.attnum > 0
    join pg_type t on t.oid = a.atttypid
    join pg_type row on row.oid in (t.oid, t.typelem) and row.typrelid <> 0
    join depths made on made.classid = 'pg_class'::regclass and made.objid = row.typrelid
    join pg_class m on m.oid = row.typrelid and m.relkind = 'm'
    where d.classid = 'pg_class'::regclass
    union
    select n.objid
    from needs n
    join changed on n.refclassid = 'pg_class'::regclass and (n.refobjid, n.refobjsubid) = (changed.relation, changed.attnum)
    where n.classid = 'pg_class'::regclass
    union
    select n.objid
    from retyped
    join needs n on n.classid = 'pg_class'::regclass and n.refclassid = 'pg_class'::regclass and n.refobjid = retyped.oid
),
rebuilt as materialized (
    select c.*, n.nspname, depths.depth
    from depths
    join pg_class c on depths.classid = 'pg_class'::regclass and c.oid = depths.objid
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'm' or c.oid in (select oid from retyped)
),
replaced as materialized (
    select classid, objid from generation
    union all
    select 'pg_class'::regclass, oid from rebuilt
    union all
    select 'pg_rewrite'::regclass, r.oid from rebuilt join pg_rewrite r on r.ev_class = rebuilt.oid and r.rulename = '_RETURN'
    union all
    select 'pg_class'::regclass, x.indexrelid from rebuilt join pg_index x on x.indrelid in (rebuilt.oid, rebuilt.reltoastrelid)
    union all
    select 'pg_class'::regclass, reltoastrelid from rebuilt
    union all
    select 'pg_type'::regclass, t.oid from rebuilt join pg_type t on t.oid = rebuilt.reltype
    union all
    select 'pg_type'::regclass, t.typarray from rebuilt join pg_type t on t.oid = rebuilt.reltype
),
remade as materialized ( -- functions whose arguments or results are of a type that is another one then
    select p.oid
    from depths
    join pg_proc p on depths.classid = 'pg_proc'::regclass and p.oid = depths.objid and p.prokind <> 'a'
    where exists (
        select
        from unnest(array[p.prorettype] || p.proargtypes::oid[] || coalesce(p.proallargtypes, '{{}}')) t
        join replaced on replaced.classid = 'pg_type'::regclass and replaced.objid = t
    )
),
ours as materialized (
    select classid, objid from replaced
    union all
    select 'pg_proc'::regclass, oid from remade
)
