-- An extension that is no part of Postgres, where the server has it: its members are in a schema of users.

select exists (select from pg_available_extensions where name = 'vector') as has_vector \gset
\if :has_vector
create extension vector schema shop;
create table shop.embedded (id int primary key, v shop.vector(3));
insert into shop.embedded values (1, '[1,2,3]'), (2, null), (3, '[-0,1e-30,0.1]');
create index embedded_near on shop.embedded using hnsw (v shop.vector_l2_ops) with (m = 4);
\endif
