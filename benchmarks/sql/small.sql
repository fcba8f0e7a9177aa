-- Many small tables: 100 rows each, with a primary key and an index.
--
-- {tables}  how many
do $$
begin
    for number in 1..{tables} loop
        execute format(
            'create table public.%1$I ('
            '    id integer primary key,'
            '    code text not null,'
            '    amount numeric(12, 2),'
            '    changed_at timestamp with time zone not null default now()'
            ')',
            format('small_%s', to_char(number, 'FM00000'))
        );
        execute format(
            'insert into public.%1$I '
            'select id, md5(id || ''/'' || $1), round(id * $1 / 7.0, 2),'
            '    timestamptz ''2024-02-29 12:00:00+00'' + id * interval ''1 hour'' '
            'from generate_series(1, 100) as id',
            format('small_%s', to_char(number, 'FM00000'))
        )
        using number;
        execute format('create index on public.%1$I (code)', format('small_%s', to_char(number, 'FM00000')));
    end loop;
end
$$
