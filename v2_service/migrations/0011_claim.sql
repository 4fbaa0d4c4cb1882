-- Claiming a user for a new run, or for a failed one that is taken up again: one user, one pipeline at a time.

-- The monolith's import of a user that showed a sign of life since a moment; null when there is none. Its rows of
-- imports that died stay "processing" for ever, so age decides. Without its table there is nothing to wait for.
create or replace function public.v2_legacy_import(p_user uuid, p_since timestamptz) returns uuid
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
    found_job uuid;
begin
    if to_regclass('public.processing_jobs') is not null then
        execute 'select id from public.processing_jobs '
            'where user_id = $1 and status in (''pending'', ''processing'') and greatest(created_at, updated_at) >= $2 '
            'order by created_at desc limit 1' into found_job using p_user, p_since;
    end if;
    return found_job;
end
$$;

-- Accepts a run, or says why none is needed. One row with the verdict:
--   accepted   a new run
--   joined     the user's run that is not over
--   repeated   the run of this key, whatever became of it (of run_user, who may be another)
--   legacy     the monolith is importing for this user: legacy_job_id
--   closed     the caller was promised that this key is never accepted (v2_key)
drop function if exists public.v2_claim_run(uuid, text, text, text, text, text, text, integer, integer);
create or replace function public.v2_claim_run(
    p_user uuid, p_kind text, p_storage_path text, p_idempotency_key text, p_version text, p_build text,
    p_cohort text, p_conversation_count integer, p_message_count integer, p_legacy_seconds integer default 1800
) returns table (
    verdict text, run_id uuid, accepted boolean, run_user uuid, run_storage_path text, legacy_job_id uuid
)
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    found_run public.pipeline_runs;
    settled public.pipeline_settled_keys;
    elsewhere uuid;
    before jsonb;
begin
    -- Two requests of one user wait for each other here, so that the second sees the first's run.
    perform pg_advisory_xact_lock(hashtextextended('v2:' || p_user::text, 0));
    if p_idempotency_key is not null then
        perform pg_advisory_xact_lock(hashtextextended('v2-key:' || p_idempotency_key, 0));
        select r.* into found_run from public.pipeline_run_keys k
            join public.pipeline_runs r on r.id = k.run_id where k.idempotency_key = p_idempotency_key;
        if found then
            return query select 'repeated', found_run.id, false, found_run.user_id, found_run.storage_path, null::uuid;
            return;
        end if;
        select * into settled from public.pipeline_settled_keys k where k.idempotency_key = p_idempotency_key;
        if settled.settled_as = 'never' then
            return query select 'closed', null::uuid, false, p_user, null, null::uuid;
            return;
        elsif settled.settled_as = 'legacy' then
            return query select 'legacy', null::uuid, false, p_user, null, settled.legacy_job_id;
            return;
        end if;
    end if;
    select r.* into found_run from public.pipeline_runs r
        where r.user_id = p_user and r.status in ('accepted', 'running', 'handing_back');
    if found then
        insert into public.pipeline_run_keys (idempotency_key, run_id)
            select p_idempotency_key, found_run.id where p_idempotency_key is not null;
        return query select 'joined', found_run.id, false, found_run.user_id, found_run.storage_path, null::uuid;
        return;
    end if;
    elsewhere := public.v2_legacy_import(p_user, now() - make_interval(secs => p_legacy_seconds));
    if elsewhere is not null then
        insert into public.pipeline_settled_keys (idempotency_key, settled_as, legacy_job_id)
            select p_idempotency_key, 'legacy', elsewhere where p_idempotency_key is not null;
        return query select 'legacy', null::uuid, false, p_user, null, elsewhere;
        return;
    end if;
    before := public.v2_settled(p_user);
    if before is null then
        raise exception 'v2_unknown_user';
    end if;
    -- A new import supersedes what a failed one kept for a retry.
    delete from public.pipeline_staged_chunks s using public.pipeline_runs r where r.id = s.run_id and r.user_id = p_user;
    delete from public.pipeline_replies a using public.pipeline_runs r where r.id = a.run_id and r.user_id = p_user;
    insert into public.pipeline_runs (
        user_id, kind, storage_path, idempotency_key, version, build, cohort, conversation_count, message_count,
        previous, chunks_seen
    ) values (
        p_user, p_kind, p_storage_path, p_idempotency_key, p_version, p_build, p_cohort, p_conversation_count,
        p_message_count, before, public.v2_generation(p_user)
    ) returning * into found_run;
    insert into public.pipeline_run_keys (idempotency_key, run_id)
        select p_idempotency_key, found_run.id where p_idempotency_key is not null;
    return query select 'accepted', found_run.id, true, found_run.user_id, found_run.storage_path, null::uuid;
end
$$;

-- A failed run becomes an accepted one, with all that it kept. One row: verdict and staged chunks. The verdict is
-- "accepted", or "active" (it is running already), "unknown", "not_failed", "superseded" (the user has a newer run, or
-- somebody else has changed the user's chunks since), "legacy" (the monolith is importing for the user) or "too_often".
-- The lease gives the caller time to hand it over before silent runs are looked for.
drop function if exists public.v2_retry_run(uuid, integer, integer);
create or replace function public.v2_retry_run(
    p_run uuid, p_retries integer, p_lease_seconds integer, p_legacy_seconds integer default 1800
) returns jsonb
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
    if run.status in ('accepted', 'running', 'handing_back') then
        return jsonb_build_object('verdict', 'active', 'staged', 0);
    elsif run.status <> 'failed' then
        return jsonb_build_object('verdict', 'not_failed', 'staged', 0);
    elsif run.chunks_seen <> public.v2_generation(owner) or exists (
        select from public.pipeline_runs r where r.user_id = owner and r.id <> p_run and r.created_at >= run.created_at
    ) then
        return jsonb_build_object('verdict', 'superseded', 'staged', 0);
    elsif public.v2_legacy_import(owner, now() - make_interval(secs => p_legacy_seconds)) is not null then
        return jsonb_build_object('verdict', 'legacy', 'staged', 0);
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
