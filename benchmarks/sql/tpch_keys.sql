-- TPC-H's primary keys, its foreign keys, and nine indexes: those on the foreign keys, and on two dates.
alter table public.region add primary key (r_regionkey);
alter table public.nation add primary key (n_nationkey);
alter table public.part add primary key (p_partkey);
alter table public.supplier add primary key (s_suppkey);
alter table public.partsupp add primary key (ps_partkey, ps_suppkey);
alter table public.customer add primary key (c_custkey);
alter table public.orders add primary key (o_orderkey);
alter table public.lineitem add primary key (l_orderkey, l_linenumber);

create index on public.nation (n_regionkey);
create index on public.supplier (s_nationkey);
create index on public.partsupp (ps_suppkey);
create index on public.customer (c_nationkey);
create index on public.orders (o_custkey);
create index on public.orders (o_orderdate);
create index on public.lineitem (l_partkey, l_suppkey);
create index on public.lineitem (l_suppkey);
create index on public.lineitem (l_shipdate);

alter table public.nation add foreign key (n_regionkey) references public.region;
alter table public.supplier add foreign key (s_nationkey) references public.nation;
alter table public.partsupp add foreign key (ps_partkey) references public.part;
alter table public.partsupp add foreign key (ps_suppkey) references public.supplier;
alter table public.customer add foreign key (c_nationkey) references public.nation;
alter table public.orders add foreign key (o_custkey) references public.customer;
alter table public.lineitem add foreign key (l_orderkey) references public.orders;
alter table public.lineitem add foreign key (l_partkey, l_suppkey) references public.partsupp
