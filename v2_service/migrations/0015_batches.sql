-- Message Batches that runs have submitted. A row is there before the batch is, so that a worker that dies in between
-- knows to look for it; it outlives its run until every answer that was paid for is charged. It holds nobody's text.
create table if not exists public.pipeline_batches (
    id uuid primary key,
    run_id uuid not null,
    step text not null,
    -- Which time the step's open questions are asked, counted from 1.
    round integer not null,
    requests integer not null,
    -- What its answers are expected to cost: budgets count it until the answers themselves are charged.
    reserved double precision not null,
    state text not null default 'submitting' check (state in ('submitting', 'submitted', 'settled')),
    batch_id text unique,
    lines_read integer not null default 0,
    results jsonb not null default '{}',
    begun_at timestamptz not null default now(),
    settled_at timestamptz
);
create index if not exists pipeline_batches_run on public.pipeline_batches (run_id);
create index if not exists pipeline_batches_open on public.pipeline_batches (begun_at) where state <> 'settled';
alter table public.pipeline_batches enable row level security;
revoke all on public.pipeline_batches from anon, authenticated;
grant all on public.pipeline_batches to service_role;

-- Dollars of one run, and of everybody today (UTC), with what open batches are expected to cost.
create or replace function public.v2_spent(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'run', (select coalesce(sum(dollars), 0) from public.pipeline_costs where run_id = p_run)
            + (select coalesce(sum(reserved), 0) from public.pipeline_batches
               where run_id = p_run and state <> 'settled'),
        'day', (
            select coalesce(sum(dollars), 0) from public.pipeline_costs where day = (now() at time zone 'utc')::date
        ) + (select coalesce(sum(reserved), 0) from public.pipeline_batches where state <> 'settled')
    )
$$;

-- Notes a batch that is about to be submitted, if both budgets (0 is none) leave room for it. Returns 'begun', or the
-- budget that does not.
create or replace function public.v2_begin_batch(
    p_run uuid, p_fence integer, p_id uuid, p_step text, p_round integer, p_requests integer,
    p_dollars double precision, p_per_job double precision, p_per_day double precision
) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    spent jsonb;
begin
    perform public.v2_fenced(p_run, p_fence);
    -- Two runs must not both take the day's last dollar.
    perform pg_advisory_xact_lock(hashtextextended('v2-budget', 0));
    spent := public.v2_spent(p_run);
    if p_per_job > 0 and (spent ->> 'run')::double precision + p_dollars > p_per_job then
        return 'budget_per_job_spent';
    elsif p_per_day > 0 and (spent ->> 'day')::double precision + p_dollars > p_per_day then
        return 'budget_per_day_spent';
    end if;
    insert into public.pipeline_batches (id, run_id, step, round, requests, reserved)
    values (p_id, p_run, p_step, p_round, p_requests, p_dollars);
    return 'begun';
end
$$;

-- The provider has the batch under this id. Not fenced: it is true whoever works on the run by now.
create or replace function public.v2_batch_submitted(p_id uuid, p_batch_id text) returns void
language sql security definer set search_path = public, extensions, pg_temp as $$
    update public.pipeline_batches set state = 'submitted', batch_id = p_batch_id
    where id = p_id and state = 'submitting'
$$;

-- The provider does not have the batch, and will not have it.
create or replace function public.v2_forget_batch(p_id uuid) returns void
language sql security definer set search_path = public, extensions, pg_temp as $$
    delete from public.pipeline_batches where id = p_id and state = 'submitting'
$$;

-- Some lines of a batch's results: answers are kept for the run if it can still use them, and every line is charged
-- once, whoever reads it how often, because `p_from` must be the number of lines read so far. Returns false when
-- somebody else has read these lines.
create or replace function public.v2_keep_batch(
    p_id uuid, p_from integer, p_lines integer, p_replies jsonb, p_calls bigint, p_input bigint, p_output bigint,
    p_dollars double precision, p_results jsonb, p_last boolean
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    batch public.pipeline_batches;
begin
    select * into batch from public.pipeline_batches where id = p_id for update;
    if not found or batch.state <> 'submitted' or batch.lines_read <> p_from then
        return false;
    end if;
    if p_calls > 0 then
        perform public.v2_charge(batch.run_id, batch.step, p_calls, p_input, p_output, p_dollars);
    end if;
    insert into public.pipeline_replies (run_id, request_hash, step, reply)
    select batch.run_id, r.hash, batch.step, r.reply
    from jsonb_to_recordset(p_replies) as r (hash text, reply jsonb)
    where exists (
        select from public.pipeline_runs where id = batch.run_id and status in ('accepted', 'running', 'failed')
    )
    on conflict (run_id, request_hash) do nothing;
    update public.pipeline_batches
    set lines_read = p_from + p_lines, results = p_results,
        state = case when p_last then 'settled' else state end,
        settled_at = case when p_last then now() else settled_at end
    where id = p_id;
    return true;
end
$$;

-- Batches that nobody waits for any more, oldest first: their runs are over or erased.
create or replace function public.v2_abandoned_batches(p_limit integer) returns setof public.pipeline_batches
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select b.* from public.pipeline_batches b
    where b.state <> 'settled' and not exists (
        select from public.pipeline_runs r where r.id = b.run_id and r.status in ('accepted', 'running')
    )
    order by b.begun_at limit p_limit
$$;
