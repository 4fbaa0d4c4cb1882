-- Writes of a run's worker. Each checks the fence in its own transaction, so a cancelled or stale worker changes nothing.

-- Adds chunks to the run's generation; the same position again is the same chunk (a resumed step) and stays as it is.
create or replace function public.v2_stage_chunks(p_run uuid, p_fence integer, p_rows jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
    perform public.v2_fenced(p_run, p_fence);
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

-- For a refresh: the run's generation is a copy of the user's chunks, with their ids and embeddings.
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
    select p_run, c.tier, row_number() over (partition by c.tier order by c.conversation_id, c.created_at, c.id) - 1, c.id,
           c.conversation_id, coalesce(c.title, 'Untitled'), c.content, coalesce(c.message_count, 0), 0, 1,
           length(c.content) / 4, case c.tier when 'medium' then length(c.content) else 0 end, c.created_at, coalesce(c.is_recent, false), 0, c.embedding
    from (
        select *, case when chunk_tier in ('micro', 'macro') then chunk_tier else 'medium' end as tier
        from public.conversation_chunks where user_id = run.user_id
    ) c
    on conflict do nothing;
    select count(*) into staged from public.pipeline_staged_chunks where run_id = p_run;
    return staged;
end
$$;

-- Counts of the run's generation.
create or replace function public.v2_staged(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'chunks', count(*),
        'medium', count(*) filter (where tier = 'medium'),
        'macro', count(*) filter (where tier = 'macro'),
        'micro', count(*) filter (where tier = 'micro'),
        'tokens', coalesce(sum(token_count), 0),
        'characters', coalesce(sum(new_characters), 0)
    )
    from public.pipeline_staged_chunks where run_id = p_run
$$;

-- Vectors for staged chunks: [{"id", "embedding": [numbers]}], and what they cost. Returns how many rows took one.
drop function if exists public.v2_write_embeddings(uuid, integer, jsonb);
create or replace function public.v2_write_embeddings(
    p_run uuid, p_fence integer, p_rows jsonb, p_tokens bigint, p_dollars double precision
) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    written integer;
begin
    perform public.v2_fenced(p_run, p_fence);
    update public.pipeline_staged_chunks s
    set embedding = (r.embedding::text)::vector(1024)
    from jsonb_to_recordset(p_rows) as r (id uuid, embedding jsonb)
    where s.run_id = p_run and s.id = r.id;
    get diagnostics written = row_count;
    perform public.v2_charge(p_run, 'embed', jsonb_array_length(p_rows), p_tokens, 0, p_dollars);
    return written;
end
$$;

-- The whole patch on the user's profile row. Columns that identify the user cannot be named.
create or replace function public.v2_write_profile(p_run uuid, p_fence integer, p_patch jsonb) returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    assignments text;
    written integer;
begin
    run := public.v2_fenced(p_run, p_fence);
    if p_patch ?| array['id', 'user_id', 'created_at', 'referral_code', 'referred_by', 'referral_count'] then
        raise exception 'v2_bad_column';
    end if;
    select string_agg(format('%1$I = r.%1$I', key), ', ') into assignments from jsonb_object_keys(p_patch) as key;
    execute format(
        'update public.user_profiles p set %s, updated_at = now() '
        'from jsonb_populate_record(null::public.user_profiles, $1) r where p.user_id = $2',
        assignments
    ) using p_patch - 'updated_at', run.user_id;
    get diagnostics written = row_count;
    if written <> 1 then
        raise exception 'v2_no_profile';
    end if;
end
$$;

-- Old generation out, new one in, and the profile's counters: one transaction, so nobody sees both or neither.
create or replace function public.v2_switch_chunks(p_run uuid, p_fence integer, p_patch jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    inserted integer;
begin
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
        id, user_id, conversation_id, title, content, message_count, created_at, is_recent, chunk_tier, embedding
    )
    select id, run.user_id, conversation_id, title, content, message_count, created_at, is_recent, tier, embedding
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

-- What stands in the database: the evidence on which a run may call itself complete.
create or replace function public.v2_proof(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'chunks', count(c.id),
        'embedded', count(c.embedding),
        'medium', count(c.id) filter (where c.chunk_tier = 'medium'),
        'macro', count(c.id) filter (where c.chunk_tier = 'macro'),
        'micro', count(c.id) filter (where c.chunk_tier = 'micro'),
        'empty', count(c.id) filter (where btrim(c.content) = '')
    )
    from public.pipeline_runs r
    left join public.conversation_chunks c on c.user_id = r.user_id
    where r.id = p_run
    group by r.id
$$;
