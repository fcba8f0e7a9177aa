-- Drop what elt names as left out, and what rests on it: the rest of two databases can then be compared whole.
do $leave_out$
declare
    statement text;
begin
    for statement in
        select format('drop %s %I cascade', kind, name)
        from (
            select 'event trigger', evtname from pg_event_trigger
            union all select 'publication', pubname from pg_publication
            union all select 'foreign data wrapper', fdwname from pg_foreign_data_wrapper
            union all select 'language', lanname from pg_language
                where oid >= 16384 and not exists (select from pg_depend where objid = pg_language.oid and deptype = 'e')
            union all select 'access method', amname from pg_am
                where oid >= 16384 and not exists (select from pg_depend where objid = pg_am.oid and deptype = 'e')
        ) as outside (kind, name)
    loop
        execute statement;
    end loop;
    perform lo_unlink(oid) from pg_largeobject_metadata;
end
$leave_out$;
