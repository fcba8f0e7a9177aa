-- Wide rows: articles (text), events (jsonb) and files (bytea), about a third of the bytes each.
--
-- Text is made of 4,096 sentences of 256 invented pairs of words, so that it can be compressed about as well
-- as prose; bytea is made of digests, and cannot. Everything follows from hashes of numbers.
--
-- {rows}  how many articles; there are as many events, and half as many files
create temporary table pair as
select
    number,
    translate(
        left(md5('first ' || number), 1 + number % 7) || ' ' || left(md5('second ' || number), 2 + number % 9),
        '0123456789',
        'ghiklmnoprs'
    ) as text
from generate_series(0, 255) as number;

create temporary table sentence as
select own.number, string_agg(pair.text, ' ' order by part) || '.' as text
from
    generate_series(0, 4095) as own (number)
    cross join generate_series(1, 7) as part
    -- the cube makes some pairs much more frequent than others, about as in a language
    join pair on pair.number = floor(256 * ((hashint8extended(own.number, part) & 65535) / 65536.0) ^ 3)
group by own.number;

analyze pair, sentence;

create table public.articles (
    id bigint primary key,
    title text not null,
    body text not null,
    published_at timestamp with time zone not null
);

insert into public.articles
select
    article.id,
    min(sentence.text),
    string_agg(sentence.text, ' ' order by part),
    timestamptz '2020-01-01 00:00:00+00' + article.id * interval '7 minutes'
from
    generate_series(1, {rows}) as article (id)
    cross join generate_series(1, 48) as part
    join sentence on sentence.number = hashint8extended(article.id, part) & 4095
group by article.id;

create index on public.articles (published_at);

create table public.events (
    id bigint primary key,
    article_id bigint not null,
    details jsonb not null
);

insert into public.events
select
    event.id,
    1 + event.id * 7 % {rows},
    jsonb_build_object(
        'id', event.id,
        'kind', (array['view', 'like', 'share', 'comment'])[1 + (hashint8extended(event.id, 1) & 3)],
        'visitor', md5(event.id::text),
        'screen', jsonb_build_object('width', 320 + event.id % 1600, 'height', 240 + event.id % 900),
        'seconds', round((hashint8extended(event.id, 2) & 65535) / 97.0, 3),
        'path', jsonb_build_array(event.id % 7, event.id % 11, event.id % 13, null, true),
        'remarks', jsonb_agg(
            jsonb_build_object('author', event.id * part % 1000, 'stars', part % 5, 'text', sentence.text)
            order by part
        )
    )
from
    generate_series(1, {rows}) as event (id)
    cross join generate_series(1, 36) as part
    join sentence on sentence.number = hashint8extended(event.id, part + 1000) & 4095
group by event.id;

create index on public.events (article_id);

create table public.files (
    id bigint primary key,
    name text not null unique,
    content bytea not null
);

insert into public.files
select
    file.id,
    format('file-%s.bin', file.id),
    string_agg(sha512(int8send(file.id * 1000 + part)), ''::bytea order by part)
from
    generate_series(1, {rows} / 2) as file (id)
    cross join generate_series(1, 128) as part
group by file.id
