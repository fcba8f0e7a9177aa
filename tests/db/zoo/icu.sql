-- Collations for servers that are built with ICU: needs the other parts.

create collation shop.case_blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create collation "Odd Schème".phonebook (provider = icu, locale = 'de-u-co-phonebk');
create table shop.case_blind_names (
    name text collate shop.case_blind primary key, sorted text collate "Odd Schème".phonebook unique
);
insert into shop.case_blind_names values ('Ann', 'Ärger'), ('BOB', 'Afrika'), ('Cléo', null);
create table shop.by_blind_name (name text collate shop.case_blind, n int) partition by list (name);
create table shop.by_blind_name_ann partition of shop.by_blind_name for values in ('ann');
insert into shop.by_blind_name values ('ANN', 1), ('Ann', 2);
