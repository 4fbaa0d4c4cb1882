-- What operators ask: costs, and whether the schema is the one that v2 writes to.

-- The newest runs with their bills, the days with theirs, and a summary over all runs that cost anything.
create or replace function public.v2_costs(p_limit integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    with bills as (
        select run_id, sum(calls) as calls, sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
               sum(dollars) as dollars
        from public.pipeline_costs group by run_id
    ), newest as (
        select r.id as job_id, left(r.user_id::text, 8) as "user", r.kind, r.status, r.error_code, r.created_at,
               coalesce(b.calls, 0) as calls, coalesce(b.input_tokens, 0) as input_tokens,
               coalesce(b.output_tokens, 0) as output_tokens, coalesce(b.dollars, 0) as dollars
        from public.pipeline_runs r left join bills b on b.run_id = r.id
        order by r.created_at desc limit p_limit
    ), days as (
        select day, count(distinct run_id) as runs, sum(calls) as calls, sum(dollars) as dollars
        from public.pipeline_costs where day > (now() at time zone 'utc')::date - 31 group by day
    )
    select jsonb_build_object(
        'runs', (select coalesce(jsonb_agg(to_jsonb(n) order by n.created_at desc), '[]') from newest n),
        'days', (select coalesce(jsonb_agg(to_jsonb(d) order by d.day desc), '[]') from days d),
        'summary', (
            select jsonb_build_object(
                'runs', count(*), 'total_usd', coalesce(sum(dollars), 0), 'average_usd', coalesce(avg(dollars), 0),
                'largest_usd', coalesce(max(dollars), 0), 'smallest_usd', coalesce(min(dollars), 0)
            ) from bills
        )
    )
$$;

-- Tables that v2 reads and writes: column -> type as the server names it, and their CHECK constraints.
create or replace function public.v2_schema() returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_object_agg(t.relname, jsonb_build_object(
        'columns', (
            select coalesce(jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)), '{}')
            from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
        ),
        'checks', (
            select coalesce(jsonb_agg(pg_get_constraintdef(c.oid)), '[]')
            from pg_constraint c where c.conrelid = t.oid and c.contype = 'c'
        )
    )), '{}')
    from pg_class t
    where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p')
        and t.relname in (
            'user_profiles', 'conversation_chunks', 'pipeline_runs', 'pipeline_run_keys', 'pipeline_replies',
            'pipeline_staged_chunks', 'pipeline_costs'
        )
$$;

-- Consistency of what is stored: finding -> how many there are, and some users (first 8 characters). Reads every chunk.
create or replace function public.v2_audit(p_examples integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    with per_user as (
        select user_id, count(*) as chunks, count(embedding) as embedded, count(distinct chunk_tier) as tiers,
               count(*) filter (where chunk_tier not in ('micro', 'medium', 'macro') or chunk_tier is null) as unknown
        from public.conversation_chunks group by user_id
    ), findings as (
        select 'complete_without_chunks' as finding, p.user_id
        from public.user_profiles p left join per_user u using (user_id)
        where p.import_status = 'complete' and u.user_id is null
        union all
        select 'complete_without_embeddings', p.user_id
        from public.user_profiles p join per_user u using (user_id)
        where p.embedding_status = 'complete' and u.embedded < u.chunks
        union all
        select 'chunk_count_differs', p.user_id
        from public.user_profiles p join per_user u using (user_id)
        where p.import_status = 'complete' and p.total_chunks is not null and p.total_chunks <> u.chunks
        union all
        select 'chunks_twice', d.user_id from (
            select user_id from public.conversation_chunks
            group by user_id, chunk_tier, conversation_id, created_at, md5(content) having count(*) > 1
        ) d
        union all
        select 'unknown_tier', user_id from per_user where unknown > 0
        union all
        select 'tiers_missing', user_id from per_user where tiers < 3
        union all
        select 'many_chunks_per_conversation', c.user_id from (
            select user_id from public.conversation_chunks where chunk_tier = 'medium'
            group by user_id, conversation_id having count(*) > 10
        ) c
        union all
        select 'run_silent_for_two_hours', user_id from public.pipeline_runs
        where status in ('accepted', 'running') and coalesce(heartbeat_at, created_at) < now() - interval '2 hours'
    )
    select coalesce(jsonb_object_agg(finding, jsonb_build_object('found', found, 'users', users)), '{}') from (
        select finding, count(*) as found,
               (array_agg(distinct left(user_id::text, 8)))[1:p_examples] as users
        from findings group by finding
    ) by_finding
$$;
