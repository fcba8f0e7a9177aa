-- An expression: the OIDs of the ledger's own tables and keys. A copy of the database gives them others, one that is made
-- by pg_upgrade to the keys alone.
--
array(
    select k.oid
    from pg_constraint k
    where k.contype = 'p' and k.conrelid in ('elt.run'::regclass, 'elt.generation'::regclass, 'elt.object'::regclass)
    union all
    select c.oid
    from pg_class c
    where c.oid in ('elt.run'::regclass, 'elt.generation'::regclass, 'elt.object'::regclass)
    order by 1
)
