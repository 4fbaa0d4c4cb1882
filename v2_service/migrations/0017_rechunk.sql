-- Chunking a user's stored export anew. The row of the work is in pipeline_runs, because the staged generation, its fence
-- and its switch are those of an import; its status is of its own, so that whoever looks for imports does not see it:
--   rechunking --switch--> (row deleted)      an import that begins meanwhile has precedence: the next write is refused
do $$
declare
    wanted record;
begin
    for wanted in
        select * from (values
            ('pipeline_runs_status_check', '''accepted''::text', '''rechunking''::text'),
            ('pipeline_runs_kind_check', '''import''::text', '''rechunk''::text')
        ) as w (name, beside, added)
    loop
        -- Other migrations add values of their own: whatever the CHECK allows now stays allowed.
        execute coalesce((
            select format(
                'alter table public.pipeline_runs drop constraint %I, add constraint %I %s', wanted.name, wanted.name,
                replace(pg_get_constraintdef(oid), wanted.beside, wanted.beside || ', ' || wanted.added)
            )
            from pg_constraint
            where conrelid = 'public.pipeline_runs'::regclass and conname = wanted.name
                and position(wanted.added in pg_get_constraintdef(oid)) = 0
        ), 'select 1');
    end loop;
end
$$;
create unique index if not exists pipeline_runs_one_rechunk on public.pipeline_runs (user_id)
    where status = 'rechunking';
-- Which export the staged chunks were made from.
alter table public.pipeline_runs add column if not exists export_digest text;

-- The active run of a worker, locked; raises v2_stale_run when it was cancelled, finished or taken by another worker, or
-- when it chunks anew and an import of the user has begun.
create or replace function public.v2_fenced(p_run uuid, p_fence integer) returns public.pipeline_runs
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
begin
    select * into run from public.pipeline_runs where id = p_run for update;
    if not found or run.status not in ('running', 'rechunking') or run.fence <> p_fence then
        raise exception 'v2_stale_run' using detail = coalesce(run.status, 'unknown run');
    end if;
    if run.status = 'rechunking' and exists (
        select from public.pipeline_runs r
        where r.user_id = run.user_id and r.status in ('accepted', 'running', 'handing_back')
    ) then
        raise exception 'v2_stale_run' using detail = 'an import has begun';
    end if;
    return run;
end
$$;

-- Users, or the one user, whose live chunks are older than a version (null counts as 0), by id, behind p_after.
create or replace function public.v2_rechunk_candidates(
    p_older integer, p_user uuid, p_after uuid, p_limit integer
)
returns table (user_id uuid, chunks bigint, version integer, storage_path text)
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select p.user_id, c.chunks, c.version, p.storage_path
    from (
        select u.user_id, u.storage_path from public.user_profiles u
        where (p_after is null or u.user_id > p_after) and (p_user is null or u.user_id = p_user) and exists (
            select from public.conversation_chunks o
            where o.user_id = u.user_id and (o.chunking_version is null or o.chunking_version < p_older)
        )
        order by u.user_id limit p_limit
    ) p, lateral (
        select count(*) as chunks, min(coalesce(chunking_version, 0)) as version
        from public.conversation_chunks where user_id = p.user_id
    ) c
    order by p.user_id
$$;

-- Begins to chunk a user anew, or goes on where a dead worker stopped. {"verdict", "run"}: 'begun', 'resumed', 'busy'
-- (another worker does it), 'importing' (an import runs, here or on the monolith), 'no_chunks', 'no_export' or 'unknown'.
-- The run's created_at is the moment that dates undated chunks: that of the import which stored them.
create or replace function public.v2_claim_rechunk(
    p_user uuid, p_owner text, p_version text, p_build text, p_lease_seconds integer, p_legacy_seconds integer
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    person public.user_profiles;
    run public.pipeline_runs;
    stored text;
    verdict text := 'resumed';
begin
    perform pg_advisory_xact_lock(hashtextextended('v2:' || p_user::text, 0));
    select * into person from public.user_profiles where user_id = p_user;
    if not found then
        return jsonb_build_object('verdict', 'unknown');
    elsif exists (
        select from public.pipeline_runs r
        where r.user_id = p_user and r.status in ('accepted', 'running', 'handing_back')
    ) or public.v2_legacy_import(p_user, now() - make_interval(secs => p_legacy_seconds)) is not null then
        return jsonb_build_object('verdict', 'importing');
    elsif not exists (select from public.conversation_chunks where user_id = p_user) then
        return jsonb_build_object('verdict', 'no_chunks');
    elsif person.storage_path is null then
        return jsonb_build_object('verdict', 'no_export');
    end if;
    stored := public.v2_generation(p_user);
    select * into run from public.pipeline_runs where user_id = p_user and status = 'rechunking' for update;
    if found and run.lease_owner <> p_owner and run.lease_expires_at > now() then
        return jsonb_build_object('verdict', 'busy');
    elsif found and (run.chunks_seen <> stored or run.storage_path <> person.storage_path or run.version <> p_version) then
        -- What was staged is of no use any more.
        delete from public.pipeline_runs where id = run.id;
        run := null;
    end if;
    if run.id is null then
        verdict := 'begun';
        insert into public.pipeline_runs (
            user_id, kind, status, step, storage_path, version, build, chunks_seen, created_at
        ) values (
            p_user, 'rechunk', 'rechunking', 'chunk', person.storage_path, p_version, p_build, stored, coalesce(
                (
                    select r.created_at from public.pipeline_runs r
                    where r.user_id = p_user and r.kind = 'import' and r.status in ('complete', 'degraded')
                        and r.storage_path = person.storage_path
                    order by r.created_at desc limit 1
                ), person.processing_started_at, now())
        ) returning * into run;
    end if;
    update public.pipeline_runs
    set fence = fence + 1, lease_owner = p_owner, heartbeat_at = now(), started_at = coalesce(started_at, now()),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds), updated_at = now()
    where id = run.id returning * into run;
    return jsonb_build_object('verdict', verdict, 'run', to_jsonb(run));
end
$$;

-- The export is this one, by its digest: chunks that were staged from another one are deleted.
create or replace function public.v2_rechunk_export(p_run uuid, p_fence integer, p_digest text) returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
begin
    run := public.v2_fenced(p_run, p_fence);
    if run.export_digest is distinct from p_digest then
        delete from public.pipeline_staged_chunks where run_id = p_run;
        update public.pipeline_runs set export_digest = p_digest where id = p_run;
    end if;
end
$$;

-- Staged chunks whose text the user has already take its embedding. Returns how many have one now.
create or replace function public.v2_carry_embeddings(p_run uuid, p_fence integer) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    run public.pipeline_runs;
    carried integer;
begin
    run := public.v2_fenced(p_run, p_fence);
    update public.pipeline_staged_chunks s set embedding = c.embedding
    from (
        select distinct on (md5(content)) md5(content) as digest, content, embedding
        from public.conversation_chunks where user_id = run.user_id and embedding is not null
    ) c
    where s.run_id = p_run and s.embedding is null and md5(s.content) = c.digest and s.content = c.content;
    select count(*) into carried from public.pipeline_staged_chunks where run_id = p_run and embedding is not null;
    return carried;
end
$$;

-- The work is done, or given up: nothing of it is kept but what was paid. Not fenced by an import that has begun.
create or replace function public.v2_end_rechunk(p_run uuid, p_fence integer) returns void
language sql security definer set search_path = public, extensions, pg_temp as $$
    delete from public.pipeline_runs where id = p_run and status = 'rechunking' and fence = p_fence
$$;

-- Deletes what runs that ended before a moment kept for a retry, and what nobody went on chunking anew since: it is
-- people's text. Returns how many runs that were.
create or replace function public.v2_clear_ended(p_before timestamptz) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    old uuid[];
    cleared integer;
begin
    delete from public.pipeline_runs where status = 'rechunking' and heartbeat_at < p_before;
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
