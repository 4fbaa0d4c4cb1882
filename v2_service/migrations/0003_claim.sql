-- Taking a run, and the check that every later write makes first. Claiming a user is in 0011_claim.sql.

-- Which chunks the user had when the run was accepted, and after its switch which it left: the sign of another writer.
alter table public.pipeline_runs add column if not exists chunks_seen text;

-- A user's chunks as one value that changes whenever a chunk comes or goes.
create or replace function public.v2_generation(p_user uuid) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select count(*) || ':' || coalesce(sum(hashtextextended(id::text, 0)::numeric), 0)
    from public.conversation_chunks where user_id = p_user
$$;

-- The profile's statuses to go back to. One that says "busy" is the caller's announcement of this import, or what a dead
-- one left: nobody would ever end it, so it is replaced by what the stored chunks and profile show.
create or replace function public.v2_settled(p_user uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    with stored as (
        select count(*) > 0 as some, count(*) > 0 and count(*) = count(embedding) as searchable
        from public.conversation_chunks where user_id = p_user
    )
    select jsonb_build_object(
        'import_status', case
            when p.import_status <> 'processing' then p.import_status
            when p.soulprint_text is null then 'none'
            when stored.some then 'complete' else 'quick_ready' end,
        'embedding_status', case
            when p.embedding_status <> 'processing' then p.embedding_status
            when stored.searchable then 'complete' else 'pending' end,
        'embedding_progress', case
            when p.embedding_status <> 'processing' then p.embedding_progress
            when stored.searchable then 100 else 0 end,
        'memory_status', case
            when p.memory_status <> 'building' then p.memory_status
            when stored.searchable then 'ready' else 'none' end,
        'full_pass_status', p.full_pass_status
    )
    from public.user_profiles p, stored where p.user_id = p_user
$$;

-- The active run of a worker, locked; raises v2_stale_run when it was cancelled, finished or taken by another worker.
create or replace function public.v2_fenced(p_run uuid, p_fence integer) returns public.pipeline_runs
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
begin
    select * into run from public.pipeline_runs where id = p_run for update;
    if not found or run.status <> 'running' or run.fence <> p_fence then
        raise exception 'v2_stale_run' using detail = coalesce(run.status, 'unknown run');
    end if;
    return run;
end
$$;

-- Takes an acceptance back, keys included, when it could not be completed and the caller will hear of a failure.
create or replace function public.v2_forget_run(p_run uuid) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
    delete from public.pipeline_runs where id = p_run and status = 'accepted' and fence = 0;
    return found;
end
$$;

-- Makes the caller the run's only writer and returns the run; null when the run is over.
create or replace function public.v2_take_run(p_run uuid, p_owner text, p_lease_seconds integer)
returns setof public.pipeline_runs
language sql security definer set search_path = public, extensions, pg_temp as $$
    update public.pipeline_runs
    set status = 'running', fence = fence + 1, lease_owner = p_owner, heartbeat_at = now(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds),
        started_at = coalesce(started_at, now()), updated_at = now()
    where id = p_run and status in ('accepted', 'running')
    returning *
$$;

-- Where a run is: progress never goes back, the lease is renewed, counts are merged; the profile shows the same progress.
create or replace function public.v2_report_run(
    p_run uuid, p_fence integer, p_step text, p_stage text, p_progress integer, p_lease_seconds integer, p_counts jsonb
) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    reached integer;
begin
    run := public.v2_fenced(p_run, p_fence);
    reached := greatest(run.progress, least(p_progress, 100));
    update public.pipeline_runs
    set step = p_step, progress = reached, counts = counts || p_counts, heartbeat_at = now(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds), updated_at = now()
    where id = p_run;
    update public.user_profiles set progress_percent = reached, import_stage = p_stage where user_id = run.user_id;
    return reached;
end
$$;

-- Renews the lease alone.
create or replace function public.v2_heartbeat(p_run uuid, p_fence integer, p_lease_seconds integer) returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
    perform public.v2_fenced(p_run, p_fence);
    update public.pipeline_runs
    set heartbeat_at = now(), lease_expires_at = now() + make_interval(secs => p_lease_seconds)
    where id = p_run;
end
$$;

-- The callback sends an e-mail each time, so exactly one worker may move a finished run from one outcome to the next.
create or replace function public.v2_mark_callback(p_run uuid, p_from text, p_to text) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
    update public.pipeline_runs set callback_outcome = p_to, updated_at = now()
    where id = p_run and status in ('complete', 'degraded') and callback_outcome is not distinct from p_from;
    return found;
end
$$;

-- Ends an active run from outside (cancelled, handed_back, or failed when nobody could end it). The profile goes back to what it said before the run, or,
-- when the new chunks are already live, to a finished import without a full pass. Returns the run's status afterwards.
create or replace function public.v2_stop_run(p_run uuid, p_status text, p_message text) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
begin
    if p_status not in ('cancelled', 'handed_back', 'failed') then
        raise exception 'v2_bad_status' using detail = p_status;
    end if;
    select * into run from public.pipeline_runs where id = p_run for update;
    if not found then
        return null;
    end if;
    if run.status not in ('accepted', 'running') then
        return run.status;
    end if;
    update public.pipeline_runs
    set status = p_status, error_code = p_status, error_message = p_message, completed_at = now(), updated_at = now()
    where id = p_run;
    update public.user_profiles
    set import_status = case when import_status = 'processing'
            then coalesce(run.previous ->> 'import_status', 'none') else import_status end,
        embedding_status = case when run.switched_at is null and embedding_status = 'processing'
            then run.previous ->> 'embedding_status' else embedding_status end,
        embedding_progress = case when run.switched_at is null and embedding_status = 'processing'
            then (run.previous ->> 'embedding_progress')::integer else embedding_progress end,
        memory_status = case when run.switched_at is null and memory_status = 'building'
            then run.previous ->> 'memory_status' else memory_status end,
        full_pass_status = case when full_pass_status = 'processing' then 'failed' else full_pass_status end,
        full_pass_error = case when full_pass_status = 'processing' then p_message else full_pass_error end,
        import_stage = null
    where user_id = run.user_id;
    delete from public.pipeline_staged_chunks where run_id = p_run;
    delete from public.pipeline_replies where run_id = p_run;
    return p_status;
end
$$;

-- Ends the worker's own run. The profile is patched in the same transaction.
create or replace function public.v2_finish_run(p_run uuid, p_fence integer, p_outcome jsonb, p_profile jsonb)
returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    wanted public.pipeline_runs;
begin
    run := public.v2_fenced(p_run, p_fence);
    if p_profile <> '{}'::jsonb then
        perform public.v2_write_profile(p_run, p_fence, p_profile);
    end if;
    wanted := jsonb_populate_record(run, p_outcome);
    if wanted.status not in ('complete', 'degraded', 'failed') then
        raise exception 'v2_bad_status' using detail = wanted.status;
    end if;
    update public.pipeline_runs
    set status = wanted.status, counts = wanted.counts, coverage = wanted.coverage, drops = wanted.drops,
        usage = wanted.usage, cost = wanted.cost, facts = wanted.facts, error_code = wanted.error_code,
        error_message = wanted.error_message,
        step = case when wanted.status = 'failed' then step else 'complete' end,
        progress = case when wanted.status = 'failed' then progress else 100 end,
        completed_at = now(), updated_at = now()
    where id = p_run;
    -- A failed run keeps what it has made and paid for, for a retry; v2_clear_ended deletes it later.
    if wanted.status <> 'failed' then
        delete from public.pipeline_staged_chunks where run_id = p_run;
        delete from public.pipeline_replies where run_id = p_run;
    end if;
end
$$;
