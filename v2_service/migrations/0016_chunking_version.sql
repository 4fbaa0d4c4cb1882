-- Live chunks say which chunking made them, so that queries can filter on it (S-93). Null is the monolith's own: it knows
-- nothing of the column and never sends it.
alter table public.conversation_chunks add column if not exists chunking_version integer;
create index if not exists conversation_chunks_user_version on public.conversation_chunks (user_id, chunking_version);

-- For a refresh: the run's generation is a copy of the user's chunks, with their ids, embeddings and version (0: none).
create or replace function public.v2_stage_existing(p_run uuid, p_fence integer) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    staged integer;
begin
    run := public.v2_fenced(p_run, p_fence);
    insert into public.pipeline_staged_chunks (
        run_id, tier, position, id, conversation_id, title, content, message_count, chunk_index, total_chunks,
        token_count, new_characters, created_at, is_recent, chunking_version, embedding
    )
    select p_run, c.tier, row_number() over (partition by c.tier order by c.conversation_id, c.created_at, c.id) - 1,
           c.id, c.conversation_id, coalesce(c.title, 'Untitled'), c.content, coalesce(c.message_count, 0), 0, 1,
           length(c.content) / 4, case c.tier when 'medium' then length(c.content) else 0 end, c.created_at,
           coalesce(c.is_recent, false), coalesce(c.chunking_version, 0), c.embedding
    from (
        select *, case when chunk_tier in ('micro', 'macro') then chunk_tier else 'medium' end as tier
        from public.conversation_chunks where user_id = run.user_id
    ) c
    on conflict do nothing;
    select count(*) into staged from public.pipeline_staged_chunks where run_id = p_run;
    return staged;
end
$$;

-- Old generation out, new one in, and the profile's counters: one transaction, so nobody sees both or neither.
create or replace function public.v2_switch_chunks(p_run uuid, p_fence integer, p_patch jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    inserted integer;
begin
    -- The lock of the claim: an import of this user is either seen here, or begins after the switch and sees it.
    perform pg_advisory_xact_lock(hashtextextended('v2:' || user_id::text, 0))
    from public.pipeline_runs where id = p_run;
    run := public.v2_fenced(p_run, p_fence);
    if run.switched_at is not null then
        -- The chunks are live already; the profile may say less since another worker began the run anew.
        select count(*) into inserted from public.conversation_chunks where user_id = run.user_id;
        perform public.v2_write_profile(
            p_run, p_fence, p_patch || jsonb_build_object('total_chunks', inserted, 'processed_chunks', inserted)
        );
        return inserted;
    end if;
    if not exists (select from public.pipeline_staged_chunks where run_id = p_run) then
        raise exception 'v2_nothing_staged';
    end if;
    -- Somebody else (the monolith, when a gateway fell back to it) has imported since: theirs are newer and stay.
    if run.chunks_seen <> public.v2_generation(run.user_id) then
        raise exception 'v2_overtaken';
    end if;
    delete from public.conversation_chunks where user_id = run.user_id;
    insert into public.conversation_chunks (
        id, user_id, conversation_id, title, content, message_count, created_at, is_recent, chunk_tier, embedding,
        chunking_version
    )
    select id, run.user_id, conversation_id, title, content, message_count, created_at, is_recent, tier, embedding,
           nullif(chunking_version, 0)
    from public.pipeline_staged_chunks where run_id = p_run;
    get diagnostics inserted = row_count;
    update public.pipeline_runs
    set switched_at = now(), updated_at = now(), chunks_seen = public.v2_generation(user_id) where id = p_run;
    perform public.v2_write_profile(
        p_run, p_fence, p_patch || jsonb_build_object('total_chunks', inserted, 'processed_chunks', inserted)
    );
    return inserted;
end
$$;

-- Adds chunks to the run's generation; the same position again is the same chunk (a resumed step) and stays as it is.
-- What an older chunking staged before the process was replaced goes: its positions mean other texts.
create or replace function public.v2_stage_chunks(p_run uuid, p_fence integer, p_rows jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
    perform public.v2_fenced(p_run, p_fence);
    delete from public.pipeline_staged_chunks
    where run_id = p_run and chunking_version <> (p_rows -> 0 ->> 'chunking_version')::integer;
    insert into public.pipeline_staged_chunks (
        run_id, tier, position, conversation_id, title, content, message_count, chunk_index, total_chunks,
        token_count, new_characters, created_at, is_recent, chunking_version
    )
    select p_run, r.tier, r.position, r.conversation_id, r.title, r.content, r.message_count, r.chunk_index,
           r.total_chunks, r.token_count, r.new_characters, r.created_at, r.is_recent, r.chunking_version
    from jsonb_to_recordset(p_rows) as r (
        tier text, position integer, conversation_id text, title text, content text, message_count integer,
        chunk_index integer, total_chunks integer, token_count integer, new_characters integer,
        created_at timestamptz, is_recent boolean,
        chunking_version integer
    )
    on conflict (run_id, tier, position) do nothing;
    return jsonb_array_length(p_rows);
end
$$;
