-- What only a superuser can make: needs the other parts.

-- In schemas: base types, operator classes, templates of text search, foreign tables, rows that their owner cannot see.
create type shop.raw;
create function shop.raw_in(cstring) returns shop.raw language internal immutable strict as 'textin';
create function shop.raw_out(shop.raw) returns cstring language internal immutable strict as 'textout';
create type shop.raw (
    input = shop.raw_in, output = shop.raw_out, internallength = variable, alignment = int4, storage = extended,
    category = 'X', preferred, delimiter = ';', collatable = true, default = 'it''s raw'
);
create function shop.raw_compared(shop.raw, shop.raw) returns int language internal immutable strict as 'bttextcmp';
create function shop.raw_less(shop.raw, shop.raw) returns bool language internal immutable strict as 'text_lt';
create function shop.raw_equal(shop.raw, shop.raw) returns bool language internal immutable strict leakproof as 'texteq';
create function shop.raw_hashed(shop.raw) returns int language internal immutable strict as 'hashtext';
create operator shop.< (function = shop.raw_less, leftarg = shop.raw, rightarg = shop.raw, commutator = operator(shop.>));
create function shop.raw_more(shop.raw, shop.raw) returns bool language internal immutable strict as 'text_gt';
create operator shop.> (function = shop.raw_more, leftarg = shop.raw, rightarg = shop.raw, commutator = operator(shop.<));
create operator shop.= (
    function = shop.raw_equal, leftarg = shop.raw, rightarg = shop.raw, commutator = operator(shop.=), hashes, merges
);
create operator family shop.raw_family using btree;
create operator class shop.raw_order default for type shop.raw using btree family shop.raw_family as
    operator 1 shop.<, operator 3 shop.=, operator 5 shop.>, function 1 shop.raw_compared(shop.raw, shop.raw);
create operator class "Odd Schème"."raw hash" for type shop.raw using hash as
    operator 1 shop.=, function 1 shop.raw_hashed(shop.raw);
create table shop.raws (v shop.raw primary key, a shop.raw[]);
create index raws_hashed on shop.raws using hash (v "Odd Schème"."raw hash");
insert into shop.raws values (default, null), ('a;b', array['x', null, ';"']::shop.raw[]);

create text search template shop.template (init = dsimple_init, lexize = dsimple_lexize);
create text search parser shop.parser (
    start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype, headline = prsd_headline
);
create text search dictionary shop.of_template (template = shop.template);
create text search configuration shop.of_parser (parser = shop.parser);
alter text search configuration shop.of_parser add mapping for word with shop.of_template;

create table shop.forced (id int primary key, owner text);
insert into shop.forced values (1, 'me'), (2, 'you');
create policy mine on shop.forced using (owner = current_user);
alter table shop.forced enable row level security, force row level security;

-- In no schema, but for the foreign table.
create foreign data wrapper "Odd wrapper" options (debug 'it''s');
create server elsewhere type 'odd' version '1' foreign data wrapper "Odd wrapper" options (host 'nowhere');
create user mapping for public server elsewhere options (token 'hush');
create foreign table shop.remote (id int options (name 'ID') not null, t text default 'x') server elsewhere options (t 'T');
create access method heap_too type table handler heap_tableam_handler;
create table shop.in_heap_too (id int) using heap_too;
insert into shop.in_heap_too values (1);
create function shop.handler() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
create trusted language plpgsql_too handler shop.handler;
create function shop.in_language_too() returns int language plpgsql_too as $$ begin return 1; end $$;
create function shop.on_event() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger watching on ddl_command_end when tag in ('CREATE TABLE', 'DROP TABLE') execute function shop.on_event();
alter event trigger watching enable always;
create publication of_everything for all tables;
