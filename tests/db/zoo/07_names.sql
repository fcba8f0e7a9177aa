-- Names that are easily misread, each as a table, column, constraint, index, sequence, type, function and view.

create table public.hostile_names (name text primary key);
insert into public.hostile_names values
    ('a "quoted" name'), ('it''s'), (E'two\nlines'), (E'return\r'), (E'tab\tin it'), ('back\slash'), ('\.'), ('\N'),
    ('$$'), ('$1'), (';--'), ('-- Name: x; Type: TABLE'), ('/*'), ('*/'), ('-n'), ('--help'), ('*'), ('a?[b-c]'), ('%s'),
    ('%(x)s'), ('{x}'), ('{}'), ('${HOME}'), ('`id`'), (':v'), (':"v"'), ('a.b'), ('public.orders'), ('"'), (''''), (' '),
    (' both sides '), ('select'), ('SELECT'), ('Table'), ('table'), ('CamelCase'), ('camelcase'), ('1st'), ('é'),
    (U&'e\0301'), ('😀'), (U&'\200B'), (U&'\00A0'), ('ß'), ('ẞ'), ('null'), ('ctid?'), ('user'), ('a,b'), ('(a)'), ('[a]'),
    ('a=b'), ('a b'), ('a\\b'), ('\d'), ('\"'), ('\restrict x'), (E'\nbegin;\n'), ('E''\\'''), ('pg_x'), ('elt'),
    ('ünïcödé_of_63_bytes_ünïcödé_of_63_bytes_ünïcödé_63_'),
    (repeat('x', 63)), (repeat('x', 62) || 'y'), (repeat('"', 63)), (repeat('é', 31));

create function public.make_hostile(space text, name text) returns void language plpgsql as $$
declare
    place text := format('%I.%I', space, name);
    short text := left(name, 15) || case when length(name) > 15 then right(name, 9) else '' end;
    another text := format('%I.%I', space, short || ' 2');
begin
    execute format('create sequence %s increment 2', another);
    execute format(
        'create table %1$s (%2$I int default nextval(%3$L), n int constraint %2$I check (n > 0), t text default %4$L)',
        place, name, another, name
    );
    execute format('alter sequence %s owned by %s.%I', another, place, name);
    execute format('create index on %s (%I) where t <> %L', place, name, name);
    execute format('create index %I on %s (n)', short || ' 3', place);
    execute format('insert into %s (n, t) values (1, %L), (2, default)', place, name);
    execute format('create domain %I.%I as text check (value <> %L)', space, short || ' 4', name);
    execute format(
        'create function %I.%I(%I int) returns text language sql immutable as %L', space, short, name,
        format('select %L::text', name)
    );
    execute format('create view %I.%I as select %I, %L as t from %s', space, short || ' 5', name, name, place);
    execute format('create trigger %I before update on %s for each row execute function
        suppress_redundant_updates_trigger(%L)', name, place, name);
    execute format('create policy %I on %s using (t <> %L)', name, place, name);
    execute format('create type %I.%I as (%I int, b text)', space, short || ' 6', name);
    execute format('create type %I.%I as enum (%L)', space, short || ' 7', name);
    execute format('comment on column %s.%I is %L', place, name, name);
end $$;

select public.make_hostile('Odd Schème', name) from public.hostile_names;
select public.make_hostile('public', name) from public.hostile_names where length(name) < 5;

-- Twins: the same name for things of other kinds, in each schema.
create table public.twin (twin text);
create table shop.twin (twin public.twin);
create table "Odd Schème".twin (twin shop.twin);
create function public.twin(public.twin) returns shop.twin language sql return row($1)::shop.twin;
create function shop.twin(shop.twin) returns public.twin language sql return ($1).twin;
insert into public.twin values ('public');
insert into shop.twin values (row('shop'));
insert into "Odd Schème".twin values (row(row('odd')));
