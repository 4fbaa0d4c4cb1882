-- Legacy's result and a dry run's side by side, as figures: whoever compares gets counts, lengths and yes-or-no, and no
-- text, no title and no conversation leaves the database. Counterpart: `gateway/observe/results.py`. Behind 0090, which
-- makes the role that may call these.

-- The shape of a text: is there one, and how long in characters, lines, headings and list items.
create or replace function public.banyan_text_shape(p_text text) returns jsonb
language sql immutable set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'filled', btrim(coalesce(p_text, '')) <> '',
        'characters', length(coalesce(p_text, '')),
        'lines', (select count(*) from regexp_split_to_table(coalesce(p_text, ''), '\n') as line where btrim(line) <> ''),
        'headings', (select count(*) from regexp_split_to_table(coalesce(p_text, ''), '\n') as line where line ~ '^#{1,6} '),
        'items', (select count(*) from regexp_split_to_table(coalesce(p_text, ''), '\n') as line where line ~ '^\s*[-*] ')
    )
$$;

-- The shape of a JSON value: the keys of objects, the lengths of lists, and of anything else its type.
create or replace function public.banyan_json_shape(p_value jsonb, p_depth integer default 4) returns jsonb
language plpgsql immutable set search_path = public, extensions, pg_temp as $$
begin
    if p_depth > 0 and jsonb_typeof(p_value) = 'object' then
        return (
            select coalesce(jsonb_object_agg(key, public.banyan_json_shape(value, p_depth - 1)), '{}') from jsonb_each(p_value)
        );
    elsif p_depth > 0 and jsonb_typeof(p_value) = 'array' then
        return (
            select coalesce(jsonb_agg(public.banyan_json_shape(value, p_depth - 1)), '[]') from jsonb_array_elements(p_value)
        );
    end if;
    return to_jsonb(coalesce(jsonb_typeof(p_value), 'null'));
end
$$;

-- What one side has made: a user's chunks and profile, or with p_run those of a dry run.
create or replace function public.banyan_compare_result(p_user uuid, p_run uuid) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
    person jsonb;
    tiers jsonb;
    conversations bigint;
begin
    select case when p_run is null
        then (select to_jsonb(p) from public.user_profiles p where p.user_id = p_user)
        else (select s.profile from public.pipeline_shadow_profiles s where s.run_id = p_run)
    end into person;
    with made as (
        select conversation_id, chunk_tier, content, embedding from public.conversation_chunks
        where p_run is null and user_id = p_user
        union all
        select conversation_id, chunk_tier, content, embedding from public.pipeline_shadow_chunks where run_id = p_run
    ), by_tier as (
        select coalesce(chunk_tier, 'none') as tier, count(*) as chunks, count(embedding) as embedded,
               sum(length(content)) as characters, count(distinct conversation_id) as conversations,
               count(*) - count(distinct (conversation_id, content)) as twice
        from made group by 1
    )
    select coalesce(jsonb_object_agg(tier, to_jsonb(by_tier) - 'tier'), '{}'), (select count(distinct conversation_id) from made)
    into tiers, conversations from by_tier;
    return jsonb_build_object(
        'tiers', tiers,
        'conversations', conversations,
        'profile', jsonb_build_object(
            'import_status', person -> 'import_status',
            'embedding_status', person -> 'embedding_status',
            'memory_status', person -> 'memory_status',
            'total_chunks', person -> 'total_chunks',
            'archetype', public.banyan_text_shape(person ->> 'archetype') -> 'filled',
            'soulprint', public.banyan_json_shape(coalesce(person -> 'soulprint', 'null')),
            'texts', (
                select jsonb_object_agg(name, public.banyan_text_shape(person ->> name)) from unnest(array[
                    'soulprint_text', 'soul_md', 'identity_md', 'user_md', 'agents_md', 'tools_md', 'memory_md', 'memory_log'
                ]) as name
            )
        )
    );
end
$$;

-- The monolith's own search over a user's chunks, or with p_run the same over those of a dry run.
create or replace function public.banyan_compare_nearest(
    p_user uuid, p_run uuid, p_question vector(1024), p_count integer, p_threshold double precision
) returns table (conversation_id text, similarity double precision)
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
begin
    if p_run is null then
        return query select m.conversation_id, m.similarity
            from public.match_conversation_chunks(p_question, p_user, p_count, p_threshold) m;
        return;
    end if;
    return query select c.conversation_id, 1 - (c.embedding <=> p_question)
        from public.pipeline_shadow_chunks c
        where c.run_id = p_run and c.embedding is not null and 1 - (c.embedding <=> p_question) > p_threshold
        order by c.embedding <=> p_question limit p_count;
end
$$;

-- The same questions asked of both sides: of each side's smallest chunks one per conversation, always the same ones,
-- with the vectors that are stored. Per question: which side it is from, and of each side whether the conversation it is
-- from was among the hits, at which rank, how near the nearest was, and what share of the conversations both found.
create or replace function public.banyan_compare_search(
    p_control uuid, p_user uuid, p_run uuid, p_questions integer, p_count integer, p_threshold double precision
) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
    question record;
    control record;
    candidate record;
    asked jsonb := '[]';
begin
    for question in
        with drawn as (
            select 'control' as origin, conversation_id, embedding, md5(content) as digest from public.conversation_chunks
            where user_id = p_control and chunk_tier = 'micro' and embedding is not null
            union all
            select 'candidate', conversation_id, embedding, md5(content) from public.conversation_chunks
            where p_run is null and user_id = p_user and chunk_tier = 'micro' and embedding is not null
            union all
            select 'candidate', conversation_id, embedding, md5(content) from public.pipeline_shadow_chunks
            where run_id = p_run and chunk_tier = 'micro' and embedding is not null
        ), one_each as (
            select distinct on (origin, conversation_id) origin, conversation_id, embedding, digest
            from drawn order by origin, conversation_id, digest
        ), numbered as (
            select *, row_number() over (partition by origin order by digest) as place from one_each
        )
        select origin, conversation_id, embedding from numbered where place <= greatest(p_questions / 2, 1)
        order by origin, place
    loop
        select coalesce(array_agg(n.conversation_id), '{}') as hits, coalesce(max(n.similarity), 0) as nearest into control
        from public.banyan_compare_nearest(p_control, null, question.embedding, p_count, p_threshold) n;
        select coalesce(array_agg(n.conversation_id), '{}') as hits, coalesce(max(n.similarity), 0) as nearest into candidate
        from public.banyan_compare_nearest(p_user, p_run, question.embedding, p_count, p_threshold) n;
        asked := asked || jsonb_build_object(
            'origin', question.origin,
            'control', public.banyan_hits(control.hits, control.nearest, question.conversation_id),
            'candidate', public.banyan_hits(candidate.hits, candidate.nearest, question.conversation_id),
            'shared', (
                select round(count(*) filter (where sides = 2)::numeric / greatest(count(*), 1), 4) from (
                    select count(distinct side) as sides from (
                        select 1 as side, unnest(control.hits) as hit union all select 2, unnest(candidate.hits)
                    ) both_sides group by hit
                ) by_hit
            )
        );
    end loop;
    return asked;
end
$$;

create or replace function public.banyan_hits(p_hits text[], p_nearest double precision, p_conversation text) returns jsonb
language sql immutable set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'found', p_conversation = any (p_hits), 'rank', array_position(p_hits, p_conversation),
        'nearest', round(p_nearest::numeric, 4), 'hits', cardinality(p_hits)
    )
$$;

-- Dry runs that are over, each with the monolith's job of the same user and export that began nearest to it (null: none
-- within a day), and whether the user has been imported again since, so that what is stored is another import's.
create or replace function public.banyan_compare_pairs(p_since timestamptz, p_user uuid, p_limit integer) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
begin
    if to_regclass('public.processing_jobs') is null then
        return '[]';
    end if;
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'run_id', s.id,
            'user_id', s.user_id,
            'candidate', jsonb_build_object(
                'status', s.status, 'rule', s.error_code, 'coverage', s.coverage, 'counts', s.counts,
                'dollars', s.cost -> 'total_cost_usd',
                'seconds', extract(epoch from s.completed_at - coalesce(s.started_at, s.created_at))
            ),
            'control', case when j.id is not null then jsonb_build_object(
                'job_id', j.id, 'status', j.status,
                'seconds', extract(epoch from j.completed_at - j.created_at)
            ) end,
            'overtaken', j.id is not null and (
                exists (select from public.processing_jobs n where n.user_id = s.user_id and n.created_at > j.created_at)
                or exists (
                    select from public.pipeline_runs r
                    where r.user_id = s.user_id and r.switched_at > j.created_at
                )
            )
        ) order by s.completed_at, s.id), '[]')
        from (
            select * from public.pipeline_shadow_runs
            where completed_at >= p_since and status in ('complete', 'degraded', 'failed')
                and (p_user is null or user_id = p_user)
            order by completed_at desc, id limit p_limit
        ) s
        left join lateral (
            select * from public.processing_jobs j
            where j.user_id = s.user_id and j.storage_path = s.storage_path
                and j.created_at between s.created_at - interval '1 day' and s.created_at + interval '1 day'
            order by abs(extract(epoch from j.created_at - s.created_at)) limit 1
        ) j on true
    );
end
$$;

do $$
declare
    signature regprocedure;
    named text;
begin
    for signature, named in
        select p.oid::regprocedure, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'public' and starts_with(p.proname, 'banyan_')
    loop
        execute format('revoke all on function %s from public, anon, authenticated', signature);
        execute format('grant execute on function %s to service_role', signature);
        if named in ('banyan_compare_pairs', 'banyan_compare_result', 'banyan_compare_search') then
            execute format('grant execute on function %s to banyan_gateway', signature);
        end if;
    end loop;
end
$$;
