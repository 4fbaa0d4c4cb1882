-- Giving a running import back to the monolith, exactly once.
--   accepted, running --begin--> handing_back --finish--> handed_back
--                                            --fail--> failed
-- The begin fences the run's worker out in the transaction that empties its staging table; from then on v2 writes nothing
-- for the user. `handing_back` still counts as the user's one job, so nobody is imported twice meanwhile.
alter table public.pipeline_runs
    add column if not exists handing_back_at timestamptz,
    -- When the monolith was last asked; null when it is certain that it holds no request of ours.
    add column if not exists hand_back_sent_at timestamptz,
    add column if not exists hand_back_attempts integer not null default 0,
    add column if not exists legacy_job_id uuid;

do $$
begin
    if not exists (
        select from pg_constraint where conrelid = 'public.pipeline_runs'::regclass
            and conname = 'pipeline_runs_status_check' and pg_get_constraintdef(oid) like '%handing_back%'
    ) then
        alter table public.pipeline_runs drop constraint if exists pipeline_runs_status_check;
        alter table public.pipeline_runs add constraint pipeline_runs_status_check check (status in (
            'accepted', 'running', 'handing_back', 'complete', 'degraded', 'failed', 'cancelled', 'handed_back'));
    end if;
end
$$;

create unique index if not exists pipeline_runs_one_open
    on public.pipeline_runs (user_id) where status in ('accepted', 'running', 'handing_back');
drop index if exists public.pipeline_runs_one_active;

-- Begins a hand-back. The verdict is "begun", "begun_before" (then nothing changes), "over" or "unknown", and `status`
-- is the run's. The profile's statuses go back to those before the run, but an import that was on its way stays one.
create or replace function public.v2_begin_hand_back(p_run uuid) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
begin
    select * into run from public.pipeline_runs where id = p_run for update;
    if not found then
        return jsonb_build_object('verdict', 'unknown', 'status', null);
    elsif run.status in ('handing_back', 'handed_back') then
        return jsonb_build_object('verdict', 'begun_before', 'status', run.status);
    elsif run.status not in ('accepted', 'running') then
        return jsonb_build_object('verdict', 'over', 'status', run.status);
    end if;
    update public.pipeline_runs
    set status = 'handing_back', handing_back_at = clock_timestamp(), fence = fence + 1, lease_owner = null,
        lease_expires_at = null, updated_at = now(),
        -- Of an earlier hand-back that was refused, after which the run was retried here.
        hand_back_sent_at = null, hand_back_attempts = 0, legacy_job_id = null
    where id = p_run;
    update public.user_profiles
    set embedding_status = case when run.switched_at is null and embedding_status = 'processing'
            then run.previous ->> 'embedding_status' else embedding_status end,
        embedding_progress = case when run.switched_at is null and embedding_status = 'processing'
            then (run.previous ->> 'embedding_progress')::integer else embedding_progress end,
        memory_status = case when run.switched_at is null and memory_status = 'building'
            then run.previous ->> 'memory_status' else memory_status end,
        full_pass_status = case when full_pass_status = 'processing'
            then nullif(run.previous ->> 'full_pass_status', 'processing') else full_pass_status end,
        import_stage = null
    where user_id = run.user_id;
    delete from public.pipeline_staged_chunks where run_id = p_run;
    delete from public.pipeline_replies where run_id = p_run;
    return jsonb_build_object('verdict', 'begun', 'status', 'handing_back');
end
$$;

-- Makes the caller the only one who may ask the monolith for this run; null when the run is over or somebody else's.
create or replace function public.v2_take_hand_back(p_run uuid, p_owner text, p_lease_seconds integer)
returns setof public.pipeline_runs
language sql security definer set search_path = public, extensions, pg_temp as $$
    update public.pipeline_runs
    set fence = fence + 1, lease_owner = p_owner, heartbeat_at = now(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds)
    where id = p_run and status = 'handing_back'
        and (lease_owner is null or lease_owner = p_owner or lease_expires_at < now())
    returning *
$$;

-- What is known of the monolith's side: its newest job of the user since the hand-back began, whoever asked for it, and
-- how many seconds ago we last asked (null: it certainly holds no request of ours).
create or replace function public.v2_hand_back_seen(p_run uuid) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    found_job uuid;
begin
    select * into run from public.pipeline_runs where id = p_run;
    if to_regclass('public.processing_jobs') is not null then
        execute 'select id from public.processing_jobs where user_id = $1 and created_at >= $2 '
            'order by created_at desc limit 1' into found_job using run.user_id, run.handing_back_at;
    end if;
    return jsonb_build_object(
        'legacy_job_id', found_job,
        'sent_seconds_ago', extract(epoch from clock_timestamp() - run.hand_back_sent_at)
    );
end
$$;

-- Notes that the monolith is about to be asked (p_sending), or that it certainly was not reached. Renews the lease.
create or replace function public.v2_hand_back_sending(
    p_run uuid, p_fence integer, p_sending boolean, p_lease_seconds integer
) returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
    update public.pipeline_runs
    set hand_back_sent_at = case when p_sending then clock_timestamp() end,
        hand_back_attempts = hand_back_attempts + case when p_sending then 1 else 0 end,
        heartbeat_at = now(), lease_expires_at = now() + make_interval(secs => p_lease_seconds), updated_at = now()
    where id = p_run and status = 'handing_back' and fence = p_fence;
    if not found then
        raise exception 'v2_stale_run';
    end if;
end
$$;

-- Ends a hand-back: handed_back, or failed with a reason; the person then sees the failure, and what worked still does.
create or replace function public.v2_end_hand_back(
    p_run uuid, p_fence integer, p_status text, p_legacy_job uuid, p_message text
) returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
begin
    if p_status not in ('handed_back', 'failed') then
        raise exception 'v2_bad_status' using detail = p_status;
    end if;
    update public.pipeline_runs
    set status = p_status, legacy_job_id = p_legacy_job, error_message = p_message,
        error_code = case p_status when 'failed' then 'hand_back_failed' else 'handed_back' end,
        completed_at = now(), updated_at = now()
    where id = p_run and status = 'handing_back' and fence = p_fence
    returning * into run;
    if not found then
        raise exception 'v2_stale_run';
    end if;
    if p_status = 'failed' then
        update public.user_profiles
        set import_error = p_message,
            import_status = case
                when run.switched_at is not null or import_status not in ('processing', 'quick_ready') then import_status
                when run.previous ->> 'import_status' in ('complete', 'quick_ready', 'locked')
                    then run.previous ->> 'import_status'
                when import_status = 'quick_ready' then import_status
                else 'failed' end
        where user_id = run.user_id;
    end if;
end
$$;
