-- Tables and functions that only the differential test has: one of each kind that a request can meet.
create table if not exists public.people (
    id integer primary key,
    name text not null,
    age integer check (age >= 0),
    tags text[],
    data jsonb,
    born date,
    score numeric(6, 2),
    active boolean,
    seen timestamptz not null default '2024-01-01 00:00:00+00',
    nick text unique
);
create table if not exists public.visits (
    person integer references public.people (id),
    place text,
    note text,
    primary key (person, place)
);
create table if not exists public."odd name" (
    "id col" integer primary key,
    "select" text,
    "Größe" text,
    "a,b" text,
    "a%b" text,
    "quo""te" text
);
create table if not exists public.no_key (a integer, b text);
create table if not exists public.pieces (id integer primary key, embedding vector(3), span int4range, search tsvector);
create or replace view public.adults as select id, name, age from public.people where age >= 18;

insert into public.people values
    (1, 'Ada', 36, '{math,poems}', '{"city": "London", "langs": ["en", "fr"], "n": {"deep": 7}}', '1815-12-10', 99.50, true,
     '2024-01-01 10:00:00+00', 'ada'),
    (2, 'Grace', 85, '{navy}', '{"city": "New York", "langs": ["en"]}', '1906-12-09', 88.00, true, '2024-01-02 10:00:00+00', 'g'),
    (3, 'Änne "Q" O''Hara', 17, '{}', null, null, null, false, '2024-01-03 10:00:00+00', null),
    (4, 'line
break, comma (paren)', null, null, '[1, 2, {"x": null}]', '2000-02-29', -1.25, null, '2024-01-04 10:00:00+00', 'nl'),
    (5, '100% sure_thing*', 5, '{a,"b,c"}', '"text"', '2019-05-05', 0, false, '2024-01-05 10:00:00+00', '%'),
    (6, '日本語 😀', 42, '{math}', '{"city": null}', '1982-01-01', 12.34, true, '2024-01-06 10:00:00+00', 'jp')
on conflict do nothing;
insert into public.people (id, name, age) select n, 'extra ' || n, 20 from generate_series(101, 140) n on conflict do nothing;
insert into public.visits values (1, 'Paris', 'a'), (1, 'Rome', null), (2, 'Paris', 'b') on conflict do nothing;
insert into public."odd name" values (1, 'x', 'groß', 'y', 'z', 'w') on conflict do nothing;
insert into public.pieces values
    (1, '[1,0,0]', '[1,5)', to_tsvector('english', 'the quick brown fox')),
    (2, '[0,1,0]', '[10,20)', to_tsvector('english', 'lazy dogs sleep')),
    (3, null, null, null)
on conflict do nothing;

create or replace function public.add(a integer, b integer default 1) returns integer
    language sql immutable as 'select a + b';
create or replace function public.older_than(min_age integer) returns setof public.people
    language sql stable as 'select * from public.people where age > min_age order by id';
create or replace function public.one_person(person_id integer) returns public.people
    language sql stable as 'select * from public.people where id = person_id';
create or replace function public.all_names() returns setof text
    language sql stable as 'select name from public.people where id < 4 order by id';
create or replace function public.nothing(x integer) returns void language sql immutable as 'select 1';
create or replace function public.null_text() returns text language sql immutable as 'select null::text';
create or replace function public.fail_with(code text, told text) returns void language plpgsql as $$
begin
    raise exception using errcode = code, message = told, detail = 'some detail', hint = 'some hint';
end
$$;
create or replace function public.echo(doc jsonb) returns jsonb language sql immutable as 'select doc';
create or replace function public.echo_whole(jsonb) returns jsonb language sql immutable as 'select $1';
create or replace function public.sum_all(numbers integer[]) returns bigint
    language sql immutable as 'select sum(n) from unnest(numbers) n';
create or replace function public.nearest(target vector(3), most integer default 1)
    returns table (id integer, distance double precision)
    language sql stable as 'select p.id, p.embedding <-> target from public.pieces p
                            where p.embedding is not null order by 2 limit most';
create or replace function public.add_visit(person integer, place text) returns void
    language sql volatile as 'insert into public.visits values (person, place, null)';
create or replace function public.two_out(n integer, out twice integer, out thrice integer)
    language sql immutable as 'select n * 2, n * 3';
create or replace function public."odd-call"("an arg" text) returns text language sql immutable as 'select $1';
create or replace function public.truth() returns boolean language sql immutable as 'select true';
create or replace function public.who() returns text language sql stable as 'select current_user::text';
