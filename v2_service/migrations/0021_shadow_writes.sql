-- Writes of a dry run's worker, each the counterpart of an import's in 0004, 0005, 0013, 0016 and 0019, with the same checks.

-- Adds chunks to the run's generation; the same position again is the same chunk (a resumed step) and stays as it is.
create or replace function public.v2_shadow_stage_chunks(p_run uuid, p_fence integer, p_rows jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
    perform public.v2_shadow_fenced(p_run, p_fence);
    delete from public.pipeline_shadow_staged_chunks
    where run_id = p_run and chunking_version <> (p_rows -> 0 ->> 'chunking_version')::integer;
    insert into public.pipeline_shadow_staged_chunks (
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

-- Counts of the run's generation.
create or replace function public.v2_shadow_staged(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'chunks', count(*),
        'medium', count(*) filter (where tier = 'medium'),
        'macro', count(*) filter (where tier = 'macro'),
        'micro', count(*) filter (where tier = 'micro'),
        'tokens', coalesce(sum(token_count), 0),
        'characters', coalesce(sum(new_characters), 0)
    )
    from public.pipeline_shadow_staged_chunks where run_id = p_run
$$;

-- Adds to a dry run's bill.
create or replace function public.v2_shadow_charge(
    p_run uuid, p_step text, p_calls bigint, p_input bigint, p_output bigint, p_dollars double precision
) returns void
language sql security definer set search_path = public, extensions, pg_temp as $$
    insert into public.pipeline_shadow_costs as c (run_id, step, calls, input_tokens, output_tokens, dollars)
    values (p_run, p_step, p_calls, p_input, p_output, p_dollars)
    on conflict (run_id, step, day) do update
    set calls = c.calls + excluded.calls, input_tokens = c.input_tokens + excluded.input_tokens,
        output_tokens = c.output_tokens + excluded.output_tokens, dollars = c.dollars + excluded.dollars
$$;

-- Vectors for staged chunks, and what they cost. Returns how many rows took one.
create or replace function public.v2_shadow_write_embeddings(
    p_run uuid, p_fence integer, p_rows jsonb, p_tokens bigint, p_dollars double precision
) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    written integer;
begin
    perform public.v2_shadow_fenced(p_run, p_fence);
    update public.pipeline_shadow_staged_chunks s
    set embedding = r.embedding::vector(1024)
    from jsonb_to_recordset(p_rows) as r (id uuid, embedding text)
    where s.run_id = p_run and s.id = r.id;
    get diagnostics written = row_count;
    perform public.v2_shadow_charge(p_run, 'embed', jsonb_array_length(p_rows), p_tokens, 0, p_dollars);
    return written;
end
$$;

-- The patch on the profile that the run would have written. Names and types are those of user_profiles.
create or replace function public.v2_shadow_write_profile(p_run uuid, p_fence integer, p_patch jsonb) returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    shown jsonb := to_jsonb(jsonb_populate_record(null::public.user_profiles, p_patch));
begin
    perform public.v2_shadow_fenced(p_run, p_fence);
    if p_patch ?| array['id', 'user_id', 'created_at', 'referral_code', 'referred_by', 'referral_count']
        or exists (select from jsonb_object_keys(p_patch) as key where not shown ? key) then
        raise exception 'v2_bad_column';
    end if;
    update public.pipeline_shadow_profiles
    set profile = profile || (select jsonb_object_agg(key, shown -> key) from jsonb_object_keys(p_patch) as key)
    where run_id = p_run;
    if not found then
        raise exception 'v2_no_profile';
    end if;
end
$$;

-- The staged generation becomes the run's result. No user's chunks come or go.
create or replace function public.v2_shadow_switch_chunks(p_run uuid, p_fence integer, p_patch jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_shadow_runs;
    inserted integer;
begin
    run := public.v2_shadow_fenced(p_run, p_fence);
    if run.switched_at is null then
        if not exists (select from public.pipeline_shadow_staged_chunks where run_id = p_run) then
            raise exception 'v2_nothing_staged';
        end if;
        insert into public.pipeline_shadow_chunks (
            id, run_id, user_id, conversation_id, title, content, message_count, created_at, is_recent, chunk_tier,
            embedding, chunking_version
        )
        select id, run_id, run.user_id, conversation_id, title, content, message_count, created_at, is_recent, tier,
               embedding, nullif(chunking_version, 0)
        from public.pipeline_shadow_staged_chunks where run_id = p_run;
        update public.pipeline_shadow_runs set switched_at = now(), updated_at = now() where id = p_run;
    end if;
    select count(*) into inserted from public.pipeline_shadow_chunks where run_id = p_run;
    perform public.v2_shadow_write_profile(
        p_run, p_fence, p_patch || jsonb_build_object('total_chunks', inserted, 'processed_chunks', inserted)
    );
    return inserted;
end
$$;

-- What stands in the database: the evidence on which a dry run may call itself complete.
create or replace function public.v2_shadow_proof(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'chunks', count(c.id),
        'embedded', count(c.embedding),
        'medium', count(c.id) filter (where c.chunk_tier = 'medium'),
        'macro', count(c.id) filter (where c.chunk_tier = 'macro'),
        'micro', count(c.id) filter (where c.chunk_tier = 'micro'),
        'empty', count(c.id) filter (where btrim(c.content) = '')
    )
    from public.pipeline_shadow_runs r
    left join public.pipeline_shadow_chunks c on c.run_id = r.id
    where r.id = p_run
    group by r.id
$$;

-- Keeps an answer that was paid for, and charges it. Returns whether the run goes on.
create or replace function public.v2_shadow_keep_reply(
    p_run uuid, p_hash text, p_step text, p_reply jsonb, p_dollars double precision
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    goes_on boolean;
begin
    perform public.v2_shadow_charge(
        p_run, p_step, (p_reply #>> '{usage,calls}')::bigint, (p_reply #>> '{usage,input_tokens}')::bigint,
        (p_reply #>> '{usage,output_tokens}')::bigint, p_dollars
    );
    select status in ('accepted', 'running') into goes_on from public.pipeline_shadow_runs where id = p_run for share;
    if coalesce(goes_on, false) then
        insert into public.pipeline_shadow_replies (run_id, request_hash, step, reply)
        values (p_run, p_hash, p_step, p_reply)
        on conflict (run_id, request_hash) do nothing;
    end if;
    return coalesce(goes_on, false);
end
$$;

-- Dollars of one dry run, and of all of them today (UTC).
create or replace function public.v2_shadow_spent(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'run', (select coalesce(sum(dollars), 0) from public.pipeline_shadow_costs where run_id = p_run),
        'day', (
            select coalesce(sum(dollars), 0) from public.pipeline_shadow_costs
            where day = (now() at time zone 'utc')::date
        )
    )
$$;

-- A dry run's bill by step.
create or replace function public.v2_shadow_bill(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_object_agg(step, bill), '{}') from (
        select step, jsonb_build_object(
            'calls', sum(calls), 'input_tokens', sum(input_tokens), 'output_tokens', sum(output_tokens),
            'dollars', sum(dollars)
        ) as bill
        from public.pipeline_shadow_costs where run_id = p_run group by step
    ) bills
$$;

-- What dry runs cost: the newest runs with their bills, the last 31 days, and a summary.
create or replace function public.v2_shadow_costs(p_limit integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    with bills as (
        select run_id, sum(calls) as calls, sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens,
               sum(dollars) as dollars
        from public.pipeline_shadow_costs group by run_id
    ), newest as (
        select r.id as job_id, left(r.user_id::text, 8) as "user", r.kind, r.status, r.error_code, r.created_at,
               coalesce(b.calls, 0) as calls, coalesce(b.input_tokens, 0) as input_tokens,
               coalesce(b.output_tokens, 0) as output_tokens, coalesce(b.dollars, 0) as dollars
        from public.pipeline_shadow_runs r left join bills b on b.run_id = r.id
        order by r.created_at desc limit p_limit
    ), days as (
        select day, count(distinct run_id) as runs, sum(calls) as calls, sum(dollars) as dollars
        from public.pipeline_shadow_costs where day > (now() at time zone 'utc')::date - 31 group by day
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
