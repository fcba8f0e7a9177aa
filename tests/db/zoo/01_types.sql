-- Types of every kind, each in need of others, and what belongs to types: functions, operators, aggregates,
-- collations, text search.

create schema shop;
create schema "Odd Schème";

create collation shop.plain (provider = libc, locale = 'C');
create collation "Odd Schème"."Plain ""too""" from shop.plain;

-- Enums: hostile labels, and labels that were added out of order.
create type shop.size as enum ('small', 'large');
alter type shop.size add value 'medium' before 'large';
alter type shop.size add value 'tiny' before 'small';
alter type shop.size add value 'huge' after 'large';
create type "Odd Schème"."Mood" as enum (
    '', ' ', 'it''s', '"', E'tab\there', E'line\nbreak', 'back\slash', '\.', '\N', 'null', '{}', 'a,b', '(', '😀',
    'é', U&'e\0301', '123456789012345678901234567890123456789012345678901234567890123'
);
create type public.lonely as enum ();

-- Domains: with checks, over domains, over arrays, over composites, with a collation.
create function shop.is_even(n int) returns bool language sql immutable return n % 2 = 0;
create domain shop.positive as int default 1 constraint "it's > 0" check (value > 0);
create domain shop.even as shop.positive not null constraint is_even check (shop.is_even(value));
create domain shop.price as numeric(12, 2) check (value >= 0) check (value <> 13);
create domain shop.code as varchar(8) collate "C" check (value ~ '^[A-Z]*$');
create domain shop.sizes as shop.size[] check (cardinality(value) < 10);
create domain shop.matrix as int[][] default '{{1,2},{3,4}}';
create domain "Odd Schème"."Größe" as shop.size check (value <> 'huge');
create domain shop.checked_later as text;
alter domain shop.checked_later add constraint not_yet check (value <> 'old') not valid;

-- Composites: nested, with arrays and domains in them, with a collation, with a dropped attribute.
create type shop.point3 as (x float8, y float8, z float8);
create type shop.line as (
    item text collate "C", amount shop.positive, price shop.price, size shop.size, at shop.point3, tags text[]
);
create type "Odd Schème"."Bag" as (lines shop.line[], "Größe" "Odd Schème"."Größe", "select" int);
create type public.shrunk as (a int, b text, c date);
alter type public.shrunk drop attribute b;
alter type public.shrunk add attribute d timestamptz;
create type public.nothing as ();
create domain shop.origin as shop.point3 check ((value).x = 0);

-- Ranges, with names for their multiranges, over enums, domains, texts and composites.
create function shop.text_distance(a text, b text) returns float8 language sql immutable strict
    return abs(length(a) - length(b));
create function shop.float8_difference(a float8, b float8) returns float8 language sql immutable strict
    return a - b;
create type shop.float_range as range (
    subtype = float8, subtype_diff = shop.float8_difference, multirange_type_name = shop.float_ranges
);
create type shop.name_range as range (
    subtype = text, subtype_diff = shop.text_distance, collation = "C", subtype_opclass = text_pattern_ops
);
create type shop.size_range as range (subtype = shop.size);
create type "Odd Schème"."Zeit, Raum" as range (
    subtype = time, multirange_type_name = "Odd Schème"."Zeiten, Räume"
);
create type shop.point_range as range (subtype = shop.point3);
create type shop.positive_range as range (subtype = shop.positive);

-- Functions: overloads, every kind of argument, bodies that are strings and bodies that are parsed.
create function shop.price_of(item text, amount int default 1, variadic rest numeric[] default '{}')
    returns shop.price language sql stable parallel safe cost 42
    as $$ select (length(item) * amount + cardinality(rest))::shop.price $$;
create function shop.price_of(inout item shop.line, out total numeric, out size shop.size) language plpgsql
    as $body$
begin
    -- $$ it's not the end $$
    total := (item).amount * (item).price;
    size := (item).size;
end
$body$;
create function shop.parts(n int) returns table (part int, label text) language sql rows 7 strict
    as $$ select i, 'part ' || i from generate_series(1, n) as i $$;
create function shop.sizes_from(smallest shop.size default 'medium') returns setof shop.size
    language sql stable security definer set search_path = pg_catalog, shop set work_mem = '3MB'
    begin atomic
        select s from unnest(enum_range(smallest, null)) as s order by s desc;
    end;
create function "Odd Schème"."Frage?"("a b" text, "ünïcödé" int = 42, "$4" text = '$1') returns text
    language plpgsql immutable as E'begin\n\treturn \'\\\\.\' || "a b";\r\nend';
create function public.polymorphic(a anyelement, b anyarray) returns anyelement language sql immutable
    as 'select coalesce(a, b[1])';
create function public.in_range(r anyrange) returns anymultirange language sql immutable as 'select multirange(r)';
create procedure shop.restock(in item text, inout amount int default 10) language plpgsql
    as $$ begin amount := amount + 1; end $$;
create procedure public.quiet() language sql begin atomic end;

-- Operators that name each other, one of them before it is made.
create function shop.nearly(a shop.point3, b shop.point3) returns bool language sql immutable
    return abs(a.x - b.x) + abs(a.y - b.y) + abs(a.z - b.z) < 1;
create function shop.hardly(a shop.point3, b shop.point3) returns bool language sql immutable
    return not shop.nearly(a, b);
create function shop.turned(a shop.point3) returns shop.point3 language sql immutable
    return row(a.z, a.x, a.y)::shop.point3;
create operator shop.~~~ (
    function = shop.nearly, leftarg = shop.point3, rightarg = shop.point3,
    commutator = operator(shop.~~~), negator = operator(shop.!~~~), restrict = eqsel, join = eqjoinsel
);
create operator shop.!~~~ (
    function = shop.hardly, leftarg = shop.point3, rightarg = shop.point3, negator = operator(shop.~~~)
);
create operator "Odd Schème".@# (function = shop.turned, rightarg = shop.point3);

-- Aggregates of each kind.
create function shop.longer(a text, b text) returns text language sql immutable parallel safe
    return case when length(b) > length(coalesce(a, '')) then b else a end;
create function shop.shouted(a text) returns text language sql immutable return upper(a) || '!';
create aggregate shop.longest(text) (
    sfunc = shop.longer, stype = text, finalfunc = shop.shouted, combinefunc = shop.longer, initcond = '',
    parallel = safe
);
create aggregate shop.total(numeric) (
    sfunc = numeric_add, stype = numeric, initcond = '0',
    msfunc = numeric_add, minvfunc = numeric_sub, mstype = numeric, minitcond = '0'
);
create function shop.appended(a text[], b text, variadic rest text[]) returns text[] language sql immutable
    return a || b || rest;
create aggregate shop.listed(text, variadic text[]) (sfunc = shop.appended, stype = text[], initcond = '{}');
create function shop.remembered(a text[], b text) returns text[] language sql immutable return a || b;
create function shop.nth(a text[], n int) returns text language sql immutable return a[n];
create aggregate shop.nth_of(n int order by text) (
    sfunc = shop.remembered, stype = text[], finalfunc = shop.nth, initcond = '{}', finalfunc_modify = read_write
);
create aggregate "Odd Schème"."count(*)"(*) (sfunc = int8inc, stype = int8, initcond = '0');

-- Text search: dictionaries with hostile options, a configuration that uses them, one that was copied.
create text search dictionary shop.stems (template = snowball, language = english, stopwords = english);
create text search dictionary "Odd Schème"."Wörter" (template = simple, accept = false);
create text search configuration shop.search (parser = default);
alter text search configuration shop.search
    add mapping for asciiword, word with shop.stems, "Odd Schème"."Wörter", simple;
alter text search configuration shop.search add mapping for email, url, int with simple;
create text search configuration "Odd Schème"."Suche" (copy = english);
alter text search configuration "Odd Schème"."Suche" drop mapping for url;

create conversion shop.from_latin1 for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
