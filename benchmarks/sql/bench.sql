-- What `pgbench --initialize --init-steps=tgp --scale=…` makes: its tables, its rows, its primary keys.
--
-- {scale}  how many branches, of 100,000 accounts each
create table public.pgbench_branches (bid integer not null, bbalance integer, filler char(88))
with (fillfactor = 100);

create table public.pgbench_tellers (tid integer not null, bid integer, tbalance integer, filler char(84))
with (fillfactor = 100);

create table public.pgbench_accounts (aid integer not null, bid integer, abalance integer, filler char(84))
with (fillfactor = 100);

create table public.pgbench_history (
    tid integer,
    bid integer,
    aid integer,
    delta integer,
    mtime timestamp,
    filler char(22)
);

insert into public.pgbench_branches (bid, bbalance)
select bid, 0 from generate_series(1, {scale}) as bid;

insert into public.pgbench_tellers (tid, bid, tbalance)
select tid, (tid - 1) / 10 + 1, 0 from generate_series(1, {scale} * 10) as tid;

insert into public.pgbench_accounts (aid, bid, abalance, filler)
select aid, (aid - 1) / 100000 + 1, 0, '' from generate_series(1, {scale} * 100000) as aid;

alter table public.pgbench_branches add primary key (bid);
alter table public.pgbench_tellers add primary key (tid);
alter table public.pgbench_accounts add primary key (aid)
