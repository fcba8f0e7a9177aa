-- Partitions of every kind.

-- By range, with sub-partitions by list in another schema, a default one, one of other columns' order.
create table shop.sale (
    id bigint not null,
    day date not null,
    country text collate "C" not null default 'nowhere',
    amount numeric(10, 2) check (amount > 0),
    doubled numeric generated always as (amount * 2) stored,
    primary key (day, country, id)
) partition by range (day);
create table shop.sale_2020 partition of shop.sale for values from ('2020-01-01') to ('2021-01-01');
create table shop.sale_2021 partition of shop.sale for values from ('2021-01-01') to ('2022-01-01')
    partition by list (country);
create table "Odd Schème"."Verkauf DE" partition of shop.sale_2021 for values in ('DE', 'AT')
    with (fillfactor = 70);
create table shop.sale_2021_other partition of shop.sale_2021 default partition by hash (id);
create table shop.sale_2021_other_0 partition of shop.sale_2021_other for values with (modulus 2, remainder 0);
create table shop.sale_2021_other_1 partition of shop.sale_2021_other for values with (modulus 4, remainder 1);
create table shop.sale_2021_other_3 partition of shop.sale_2021_other for values with (modulus 4, remainder 3);
create table shop.sale_before (
    amount numeric(10, 2) constraint sale_amount_check check (amount > 0),
    gone_1 int,
    country text collate "C" not null default 'elsewhere',
    day date not null,
    gone_2 text,
    doubled numeric generated always as (amount * 2) stored,
    id bigint not null,
    constraint sale_before_only check (day < '2020-01-01')
);
alter table shop.sale_before drop gone_1, drop gone_2;
alter table shop.sale attach partition shop.sale_before for values from (minvalue) to ('2020-01-01');
create table shop.sale_rest partition of shop.sale default;
create unique index only_here on shop.sale_rest (id);
alter table shop.sale_2020 add constraint local_too unique (id);
insert into shop.sale (id, day, country, amount)
    select i, date '2019-07-01' + i * 7, (array['DE', 'AT', 'FR', 'IT', 'US'])[1 + i % 5], i + 0.50
    from generate_series(0, 199) as i;

-- Rows may have been there before the partition came.
create table shop.sale_refund (
    sale bigint, day date, country text collate "C", reason text,
    foreign key (day, country, sale) references shop.sale (day, country, id) on delete cascade
) partition by list (country);
create table shop.sale_refund_de (like shop.sale_refund);
insert into shop.sale_refund_de select id, day, country, 'broken' from shop.sale where country = 'DE' limit 3;
alter table shop.sale_refund attach partition shop.sale_refund_de for values in ('DE');
create table shop.sale_refund_other partition of shop.sale_refund for values in (null, 'FR');
insert into shop.sale_refund values (null, null, null, 'nothing sold'), (2, '2019-07-15', 'FR', 'too late');

-- Indexes of the whole: attached ones with names of their own, one that a partition lacks and that is invalid.
create index sale_amounts on shop.sale (amount desc nulls last) include (id) where amount > 1;
create index sale_ids on only shop.sale (id);
create index "sale ids of 2020" on shop.sale_2020 (id);
alter index shop.sale_ids attach partition shop."sale ids of 2020";

-- By hash of an enum: its hashes are OIDs, so that rows belong elsewhere in another database.
create table shop.stock (size shop.size, amount int) partition by hash (size);
create table shop.stock_0 partition of shop.stock for values with (modulus 3, remainder 0);
create table shop.stock_1 partition of shop.stock for values with (modulus 3, remainder 1);
create table shop.stock_2 partition of shop.stock for values with (modulus 3, remainder 2);
insert into shop.stock select size, amount from unnest(enum_range(null::shop.size)) as size, generate_series(1, 5) as amount;
insert into shop.stock values (null, 0);

create table shop.stock_by_place (place text, size shop.size, "NOT (" int) partition by list (place);
create table shop.stock_at partition of shop.stock_by_place for values in ('NOT (', E'it''s \\ NOT (', 'here');
create table shop.stock_elsewhere partition of shop.stock_by_place default partition by hash (size, "NOT (");
create table shop.stock_elsewhere_0 partition of shop.stock_elsewhere for values with (modulus 2, remainder 0);
create table shop.stock_elsewhere_1 partition of shop.stock_elsewhere for values with (modulus 2, remainder 1);
insert into shop.stock_by_place
    select place, size, n from unnest(array['NOT (', 'here', 'there', null, 'booleq(']) place, unnest(enum_range(null::shop.size)) size, generate_series(1, 3) n;

-- By list of an enum, by an expression, by several columns with open ends.
create table shop.by_size (size shop.size, n int) partition by list (size);
create table shop.by_size_small partition of shop.by_size for values in ('tiny', 'small');
create table shop.by_size_rest partition of shop.by_size default;
insert into shop.by_size values ('tiny', 1), ('huge', 2), (null, 3);
create table shop.by_expression (name text, n int) partition by range (lower(name) collate "C", (n % 10));
create table shop.by_expression_low partition of shop.by_expression
    for values from (minvalue, minvalue) to ('m', 5);
create table shop.by_expression_high partition of shop.by_expression
    for values from ('m', 5) to (maxvalue, maxvalue);
insert into shop.by_expression values ('A', 1), ('Zoë', 2), ('m', 15), ('M', 14);
create table shop.by_time (at timestamptz, n int) partition by range (at);
create table shop.by_time_old partition of shop.by_time for values from ('-infinity') to ('2000-01-01 00:00:00+05:30');
create table shop.by_time_new partition of shop.by_time for values from ('2000-01-01 00:00:00+05:30') to ('infinity');
insert into shop.by_time values ('4000-01-01 BC', 1), ('-infinity', 2), ('2000-01-01 00:00:00+05:30', 3);

-- No partitions at all; no columns but the key; a partition that is foreign to its siblings' storage.
create table shop.no_partitions (n int) partition by list (n);
create table shop.unlogged_part_of (n int) partition by list (n);
create unlogged table shop.unlogged_part partition of shop.unlogged_part_of for values in (1);
insert into shop.unlogged_part_of values (1);
