-- Consistency of what is stored: finding -> how many there are, and some users (first 8 characters). Reads every chunk.
-- The queries of S-96 (too many chunks per conversation, tiers) and S-131 (more chunks than expected, mixed tiers and
-- versions, growth per user, nothing stored though complete).
create or replace function public.v2_audit(p_examples integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    with per_user as (
        select user_id, count(*) as chunks, count(embedding) as embedded, count(distinct chunk_tier) as tiers,
               count(*) filter (where chunk_tier not in ('micro', 'medium', 'macro') or chunk_tier is null) as unknown,
               count(distinct coalesce(chunking_version, 0)) as versions
        from public.conversation_chunks group by user_id
    ), made as (
        -- Each user's last import that went through, and what it made.
        select distinct on (user_id) user_id, (counts ->> 'chunks')::bigint as chunks, completed_at
        from public.pipeline_runs
        where status in ('complete', 'degraded') and kind = 'import' and counts ? 'chunks'
        order by user_id, completed_at desc
    ), pace as (
        select avg(chunks) filter (where completed_at > now() - interval '7 days') as lately,
               count(*) filter (where completed_at > now() - interval '7 days') as newer,
               avg(chunks) filter (where completed_at <= now() - interval '7 days') as before,
               count(*) filter (where completed_at <= now() - interval '7 days') as older
        from made where completed_at > now() - interval '37 days'
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
        select 'mixed_versions', user_id from per_user where versions > 1
        union all
        select 'twice_the_chunks_made', m.user_id
        from made m join per_user u using (user_id) where m.chunks > 0 and u.chunks >= 2 * m.chunks
        union all
        -- Fewer than ten imports on either side say nothing about a trend.
        select 'chunks_per_user_doubled', m.user_id
        from made m, pace p
        where p.newer >= 10 and p.older >= 10 and p.lately >= 2 * p.before
            and m.completed_at > now() - interval '7 days'
        union all
        select 'batch_unsettled_for_two_days', coalesce(r.user_id, b.run_id)
        from public.pipeline_batches b left join public.pipeline_runs r on r.id = b.run_id
        where b.state <> 'settled' and b.begun_at < now() - interval '2 days'
        union all
        select 'run_silent_for_two_hours', user_id from public.pipeline_runs
        where status in ('accepted', 'running', 'handing_back') and coalesce(heartbeat_at, created_at) < now() - interval '2 hours'
    )
    select coalesce(jsonb_object_agg(finding, jsonb_build_object('found', found, 'users', users)), '{}') from (
        select finding, count(*) as found,
               (array_agg(distinct left(user_id::text, 8)))[1:p_examples] as users
        from findings group by finding
    ) by_finding
$$;

-- Tables that v2 reads and writes, its own by their name: column -> type as the server names it, and CHECK constraints.
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
        and (t.relname in ('user_profiles', 'conversation_chunks') or starts_with(t.relname, 'pipeline_'))
$$;
