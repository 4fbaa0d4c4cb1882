-- Dry runs: the same pipeline over the same export, with a place of its own for all that it writes. Its run is no row of
-- pipeline_runs, so nobody who looks for imports can meet one, and no function of an import takes its id.
--   accepted --take--> running --finish--> complete, degraded or failed;   accepted, running --stop--> cancelled, failed
-- Functions here are named v2_shadow_<the import's>; they write only to tables named pipeline_shadow_<...>.
create table if not exists public.pipeline_shadow_runs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    pipeline text not null default 'v2',
    version text not null,
    build text not null default '',
    cohort text,
    kind text not null default 'shadow' check (kind = 'shadow'),
    status text not null default 'accepted'
        check (status in ('accepted', 'running', 'complete', 'degraded', 'failed', 'cancelled')),
    step text not null default 'queued',
    progress integer not null default 0 check (progress between 0 and 100),
    storage_path text not null,
    idempotency_key text not null unique,
    conversation_count integer,
    message_count integer,
    counts jsonb not null default '{}',
    coverage double precision,
    drops jsonb not null default '{}',
    usage jsonb not null default '{}',
    cost jsonb not null default '{}',
    previous jsonb not null default '{}',
    error_code text,
    error_message text,
    -- What an import's row has and a dry run can never have: nobody is called, nothing is retried or given back.
    callback_outcome text check (callback_outcome is null),
    retries integer not null default 0 check (retries = 0),
    legacy_job_id uuid check (legacy_job_id is null),
    fence integer not null default 0,
    lease_owner text,
    lease_expires_at timestamptz,
    heartbeat_at timestamptz,
    switched_at timestamptz,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    updated_at timestamptz not null default now(),
    completed_at timestamptz
);
create unique index if not exists pipeline_shadow_runs_one_active
    on public.pipeline_shadow_runs (user_id) where status in ('accepted', 'running');
create index if not exists pipeline_shadow_runs_user on public.pipeline_shadow_runs (user_id, created_at desc);
create index if not exists pipeline_shadow_runs_created on public.pipeline_shadow_runs (created_at desc);

-- The profile that the run would have written: column -> value, as user_profiles would show it.
create table if not exists public.pipeline_shadow_profiles (
    run_id uuid primary key references public.pipeline_shadow_runs (id) on delete cascade,
    profile jsonb not null default '{}'
);

create table if not exists public.pipeline_shadow_replies (
    run_id uuid not null references public.pipeline_shadow_runs (id) on delete cascade,
    request_hash text not null,
    step text not null,
    reply jsonb not null,
    created_at timestamptz not null default now(),
    primary key (run_id, request_hash)
);

create table if not exists public.pipeline_shadow_staged_chunks (
    run_id uuid not null references public.pipeline_shadow_runs (id) on delete cascade,
    tier text not null check (tier in ('micro', 'medium', 'macro')),
    position integer not null,
    id uuid not null default gen_random_uuid() unique,
    conversation_id text not null,
    title text not null,
    content text not null,
    message_count integer not null,
    chunk_index integer not null,
    total_chunks integer not null,
    token_count integer not null,
    new_characters integer not null default 0,
    created_at timestamptz not null,
    is_recent boolean not null default false,
    chunking_version integer not null default 1,
    embedding vector(1024),
    primary key (run_id, tier, position)
);
create index if not exists pipeline_shadow_staged_chunks_unembedded
    on public.pipeline_shadow_staged_chunks (run_id, id) where embedding is null;

-- What the switch would have made the user's chunks: the columns of conversation_chunks, by run.
create table if not exists public.pipeline_shadow_chunks (
    id uuid primary key,
    run_id uuid not null references public.pipeline_shadow_runs (id) on delete cascade,
    user_id uuid not null,
    conversation_id text not null,
    title text,
    content text not null,
    message_count integer,
    created_at timestamptz not null,
    is_recent boolean,
    chunk_tier text,
    embedding vector(1024),
    chunking_version integer
);
create index if not exists pipeline_shadow_chunks_run on public.pipeline_shadow_chunks (run_id, chunk_tier, id);

-- What dry runs paid, apart from the imports' bill and budgets. Kept without its run: it holds nobody's data.
create table if not exists public.pipeline_shadow_costs (
    run_id uuid not null,
    step text not null,
    day date not null default (now() at time zone 'utc')::date,
    calls bigint not null default 0,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    dollars double precision not null default 0,
    primary key (run_id, step, day)
);
create index if not exists pipeline_shadow_costs_day on public.pipeline_shadow_costs (day);

do $$
declare
    made text;
begin
    foreach made in array array['runs', 'profiles', 'replies', 'staged_chunks', 'chunks', 'costs'] loop
        execute format('alter table public.%I enable row level security', 'pipeline_shadow_' || made);
        execute format('revoke all on public.%I from anon, authenticated', 'pipeline_shadow_' || made);
        execute format('grant all on public.%I to service_role', 'pipeline_shadow_' || made);
    end loop;
end
$$;

-- Accepts a dry run, or says which bound stands in its way: {"verdict", "run_id", "run_user"}. The verdict is "accepted",
-- "joined" (the run of this key, whatever became of it), or a bound: "user" (a dry run of the user is not over),
-- "at_once", "runs_per_day", "dollars_per_day", "imports_waiting". It neither sees nor hinders an import of the user.
create or replace function public.v2_shadow_claim_run(
    p_user uuid, p_storage_path text, p_idempotency_key text, p_version text, p_build text, p_cohort text,
    p_conversation_count integer, p_message_count integer, p_runs_per_day integer, p_dollars_per_day double precision,
    p_at_once integer
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_shadow_runs;
    today constant timestamptz := date_trunc('day', now() at time zone 'utc') at time zone 'utc';
    bound text;
begin
    -- Two requests must not both take the day's last place.
    perform pg_advisory_xact_lock(hashtextextended('v2-shadow', 0));
    select * into run from public.pipeline_shadow_runs where idempotency_key = p_idempotency_key;
    if found then
        return jsonb_build_object('verdict', 'joined', 'run_id', run.id, 'run_user', run.user_id);
    end if;
    if not exists (select from public.user_profiles where user_id = p_user) then
        raise exception 'v2_unknown_user';
    end if;
    bound := case
        when exists (select from public.pipeline_shadow_runs where user_id = p_user and status in ('accepted', 'running'))
            then 'user'
        when (select count(*) from public.pipeline_shadow_runs where status in ('accepted', 'running')) >= p_at_once
            then 'at_once'
        when (select count(*) from public.pipeline_shadow_runs where created_at >= today) >= p_runs_per_day
            then 'runs_per_day'
        when (
            select coalesce(sum(dollars), 0) from public.pipeline_shadow_costs
            where day = (now() at time zone 'utc')::date
        ) >= p_dollars_per_day then 'dollars_per_day'
        when exists (select from public.pipeline_runs where status = 'accepted') then 'imports_waiting'
    end;
    if bound is not null then
        return jsonb_build_object('verdict', bound, 'run_id', null, 'run_user', p_user);
    end if;
    insert into public.pipeline_shadow_runs (
        user_id, storage_path, idempotency_key, version, build, cohort, conversation_count, message_count
    ) values (
        p_user, p_storage_path, p_idempotency_key, p_version, p_build, p_cohort, p_conversation_count, p_message_count
    ) returning * into run;
    insert into public.pipeline_shadow_profiles (run_id) values (run.id);
    return jsonb_build_object('verdict', 'accepted', 'run_id', run.id, 'run_user', run.user_id);
end
$$;

-- The active run of a worker, locked; raises v2_stale_run when it was cancelled, finished, erased or taken by another.
create or replace function public.v2_shadow_fenced(p_run uuid, p_fence integer) returns public.pipeline_shadow_runs
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_shadow_runs;
begin
    select * into run from public.pipeline_shadow_runs where id = p_run for update;
    if not found or run.status <> 'running' or run.fence <> p_fence then
        raise exception 'v2_stale_run' using detail = coalesce(run.status, 'unknown run');
    end if;
    return run;
end
$$;

-- Makes the caller the run's only writer and returns the run; null when the run is over.
create or replace function public.v2_shadow_take_run(p_run uuid, p_owner text, p_lease_seconds integer)
returns setof public.pipeline_shadow_runs
language sql security definer set search_path = public, extensions, pg_temp as $$
    update public.pipeline_shadow_runs
    set status = 'running', fence = fence + 1, lease_owner = p_owner, heartbeat_at = now(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds),
        started_at = coalesce(started_at, now()), updated_at = now()
    where id = p_run and status in ('accepted', 'running')
    returning *
$$;

-- Where a run is: progress never goes back, the lease is renewed, counts are merged; its profile shows the same progress.
create or replace function public.v2_shadow_report_run(
    p_run uuid, p_fence integer, p_step text, p_stage text, p_progress integer, p_lease_seconds integer, p_counts jsonb
) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_shadow_runs;
    reached integer;
begin
    run := public.v2_shadow_fenced(p_run, p_fence);
    reached := greatest(run.progress, least(p_progress, 100));
    update public.pipeline_shadow_runs
    set step = p_step, progress = reached, counts = counts || p_counts, heartbeat_at = now(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds), updated_at = now()
    where id = p_run;
    update public.pipeline_shadow_profiles
    set profile = profile || jsonb_build_object('progress_percent', reached, 'import_stage', p_stage)
    where run_id = p_run;
    return reached;
end
$$;

-- Renews the lease alone.
create or replace function public.v2_shadow_heartbeat(p_run uuid, p_fence integer, p_lease_seconds integer)
returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
    perform public.v2_shadow_fenced(p_run, p_fence);
    update public.pipeline_shadow_runs
    set heartbeat_at = now(), lease_expires_at = now() + make_interval(secs => p_lease_seconds)
    where id = p_run;
end
$$;

-- Deletes what a run has made, people's text all of it; its row with the figures stays.
create or replace function public.v2_shadow_empty(p_run uuid, p_results boolean) returns void
language sql security definer set search_path = public, extensions, pg_temp as $$
    delete from public.pipeline_shadow_staged_chunks where run_id = p_run;
    delete from public.pipeline_shadow_replies where run_id = p_run;
    delete from public.pipeline_shadow_chunks where run_id = p_run and p_results;
    delete from public.pipeline_shadow_profiles where run_id = p_run and p_results;
$$;

-- Ends an active run from outside (cancelled, or failed when nobody could end it). Returns the run's status afterwards.
create or replace function public.v2_shadow_stop_run(p_run uuid, p_status text, p_message text) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_shadow_runs;
begin
    if p_status not in ('cancelled', 'failed') then
        raise exception 'v2_bad_status' using detail = p_status;
    end if;
    select * into run from public.pipeline_shadow_runs where id = p_run for update;
    if not found then
        return null;
    elsif run.status not in ('accepted', 'running') then
        return run.status;
    end if;
    update public.pipeline_shadow_runs
    set status = p_status, error_code = p_status, error_message = p_message, completed_at = now(), updated_at = now()
    where id = p_run;
    perform public.v2_shadow_empty(p_run, true);
    return p_status;
end
$$;

-- Ends the worker's own run. The profile is patched in the same transaction. A failed run keeps nothing: no retry.
create or replace function public.v2_shadow_finish_run(p_run uuid, p_fence integer, p_outcome jsonb, p_profile jsonb)
returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_shadow_runs;
    wanted public.pipeline_shadow_runs;
begin
    run := public.v2_shadow_fenced(p_run, p_fence);
    if p_profile <> '{}'::jsonb then
        perform public.v2_shadow_write_profile(p_run, p_fence, p_profile);
    end if;
    wanted := jsonb_populate_record(run, p_outcome);
    if wanted.status not in ('complete', 'degraded', 'failed') then
        raise exception 'v2_bad_status' using detail = wanted.status;
    end if;
    update public.pipeline_shadow_runs
    set status = wanted.status, counts = wanted.counts, coverage = wanted.coverage, drops = wanted.drops,
        usage = wanted.usage, cost = wanted.cost, error_code = wanted.error_code, error_message = wanted.error_message,
        step = case when wanted.status = 'failed' then step else 'complete' end,
        progress = case when wanted.status = 'failed' then progress else 100 end,
        completed_at = now(), updated_at = now()
    where id = p_run;
    perform public.v2_shadow_empty(p_run, wanted.status = 'failed');
end
$$;

-- Deletes dry runs that ended before a moment, with all that they made. Returns how many.
create or replace function public.v2_shadow_clear_ended(p_before timestamptz) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    cleared integer;
begin
    delete from public.pipeline_shadow_runs where completed_at < p_before and status not in ('accepted', 'running');
    get diagnostics cleared = row_count;
    return cleared;
end
$$;
