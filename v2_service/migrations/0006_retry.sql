-- Taking up a failed run again, and forgetting what nobody took up.
alter table public.pipeline_runs add column if not exists retries integer not null default 0;

-- A failed run becomes an accepted one, with all that it kept. One row: verdict and staged chunks. The verdict is
-- "accepted", or "active" (it is running already), "unknown", "not_failed", "superseded" (the user has a newer run, or
-- somebody else has changed the user's chunks since) or "too_often". The lease gives the caller time to hand it over before silent runs are looked for.
create or replace function public.v2_retry_run(p_run uuid, p_retries integer, p_lease_seconds integer) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    owner uuid;
begin
    select user_id into owner from public.pipeline_runs where id = p_run;
    if not found then
        return jsonb_build_object('verdict', 'unknown', 'staged', 0);
    end if;
    perform pg_advisory_xact_lock(hashtextextended('v2:' || owner::text, 0));
    select * into run from public.pipeline_runs where id = p_run for update;
    if run.status in ('accepted', 'running') then
        return jsonb_build_object('verdict', 'active', 'staged', 0);
    elsif run.status <> 'failed' then
        return jsonb_build_object('verdict', 'not_failed', 'staged', 0);
    elsif run.chunks_seen <> public.v2_generation(owner) or exists (
        select from public.pipeline_runs r where r.user_id = owner and r.id <> p_run and r.created_at >= run.created_at
    ) then
        return jsonb_build_object('verdict', 'superseded', 'staged', 0);
    elsif run.retries >= p_retries then
        return jsonb_build_object('verdict', 'too_often', 'staged', 0);
    end if;
    update public.pipeline_runs
    set status = 'accepted', retries = retries + 1, error_code = null, error_message = null, completed_at = null,
        lease_owner = null, lease_expires_at = now() + make_interval(secs => p_lease_seconds), updated_at = now()
    where id = p_run;
    update public.user_profiles
    set import_status = case when import_status = 'failed' then 'processing' else import_status end,
        import_error = null,
        full_pass_status = case when run.switched_at is not null and full_pass_status = 'failed'
            then 'processing' else full_pass_status end,
        full_pass_error = null
    where user_id = owner;
    -- Answers that were no use are asked for again; a long chunk's refusal is of use, because its halves were asked about.
    delete from public.pipeline_replies
    where run_id = p_run and reply ->> 'outcome' <> 'ok'
        and not (step = 'extract' and reply ->> 'outcome' in ('truncated', 'too_long'));
    -- A result that could not be proven is made again from the beginning: proving it again would change nothing.
    return jsonb_build_object(
        'verdict', 'accepted',
        'staged', (select count(*) from public.pipeline_staged_chunks where run_id = p_run and run.step <> 'prove')
    );
end
$$;

-- Deletes what runs that ended before a moment kept for a retry: it is people's text. Returns how many runs that were.
create or replace function public.v2_clear_ended(p_before timestamptz) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    old uuid[];
    cleared integer;
begin
    select array_agg(r.id) into old from public.pipeline_runs r
    where r.completed_at < p_before and r.status not in ('accepted', 'running');
    with chunks as (
        delete from public.pipeline_staged_chunks where run_id = any (old) returning run_id
    ), replies as (
        delete from public.pipeline_replies where run_id = any (old) returning run_id
    )
    select count(distinct run_id) into cleared from (select * from chunks union all select * from replies) gone;
    return cleared;
end
$$;
