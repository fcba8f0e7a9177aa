-- Wide rows: articles (text), events (jsonb) and files (bytea), about a third of the bytes each.
--
-- Text is made of 4,096 sentences of 1,024 invented words, so that it can be compressed about as well as
-- prose; bytea is made of digests, and cannot. Everything follows from hashes of numbers.
--
-- {rows}  how many articles; there are twice as many events, and a quarter as many files
create temporary table word as
select number, translate(left(md5('word ' || number), 2 + number % 9), '0123456789', 'ghiklmnoprs') as text
from generate_series(0, 1023) as number;

create temporary table sentence as
select own.number, string_agg(word.text, ' ' order by part) || '.' as text
from
    generate_series(0, 4095) as own (number)
    cross join generate_series(1, 14) as part
    -- the smaller of two draws, so that some words are much more frequent than others
    join word on word.number
        = least(hashint8extended(own.number, part) & 1023, hashint8extended(own.number, part + 100) & 1023)
group by own.number;

analyze word, sentence;

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
    cross join generate_series(1, 24) as part
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
    1 + event.id % {rows},
    jsonb_build_object(
        'id', event.id,
        'kind', (array['view', 'like', 'share', 'comment'])[1 + (hashint8extended(event.id, 1) & 3)],
        'visitor', md5(event.id::text),
        'agent', agent.text,
        'screen', jsonb_build_object('width', 320 + event.id % 1600, 'height', 240 + event.id % 900),
        'seconds', round((hashint8extended(event.id, 2) & 65535) / 97.0, 3),
        'path', jsonb_build_array(event.id % 7, event.id % 11, event.id % 13, null, true),
        'comment', comment.text || ' ' || agent.text || ' ' || remark.text,
        'remarks', jsonb_build_array(remark.text, comment.text, remark.text || agent.text)
    )
from
    generate_series(1, {rows} * 2) as event (id)
    join sentence as agent on agent.number = hashint8extended(event.id, 3) & 4095
    join sentence as comment on comment.number = hashint8extended(event.id, 4) & 4095
    join sentence as remark on remark.number = hashint8extended(event.id, 5) & 4095;

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
    generate_series(1, {rows} / 4) as file (id)
    cross join generate_series(1, 128) as part
group by file.id
