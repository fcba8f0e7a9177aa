-- Make the staged tables of large objects, in a schema of their own.
--
-- {schema}, {objects}, {parts}  names
create schema {schema};
create table {objects} (
    oid oid primary key,
    length bigint not null,
    owner text,
    grants jsonb,
    comment text
);
create table {parts} (
    oid oid,
    number int,
    data bytea not null,
    primary key (oid, number)
)
