-- The list of jobs: newest first, in pages whose cursor is the last row's place, so that new jobs shift nothing.
create index if not exists pipeline_runs_status_newest on public.pipeline_runs (status, created_at desc, id desc);

-- {"jobs": [rows], "running": how many runs of everybody are not over}. At most p_limit rows are read of each status.
create or replace function public.v2_jobs(
    p_statuses text[], p_user uuid, p_before timestamptz, p_before_id uuid, p_limit integer
) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
    ids uuid[];
begin
    if p_user is not null then
        select array_agg(r.id) into ids from (
            select id from public.pipeline_runs
            where user_id = p_user and status = any (p_statuses)
                and (p_before is null or (created_at, id) < (p_before, p_before_id))
            order by created_at desc, id desc limit p_limit
        ) r;
    else
        select array_agg(r.id) into ids from unnest(p_statuses) as wanted (status), lateral (
            select id from public.pipeline_runs
            where status = wanted.status and (p_before is null or (created_at, id) < (p_before, p_before_id))
            order by created_at desc, id desc limit p_limit
        ) r;
    end if;
    return jsonb_build_object(
        'jobs', (
            select coalesce(jsonb_agg(to_jsonb(j) order by j.created_at desc, j.id desc), '[]') from (
                select id, user_id, status, step, progress, created_at, started_at, updated_at
                from public.pipeline_runs where id = any (ids) order by created_at desc, id desc limit p_limit
            ) j
        ),
        'running', (
            select count(*) from public.pipeline_runs where status in ('accepted', 'running', 'handing_back')
        )
    );
end
$$;

-- Keys of requests that are settled without a run of ours: 'never' was promised to whoever asked, and holds for ever;
-- 'legacy' was answered with the monolith's running job.
create table if not exists public.pipeline_settled_keys (
    idempotency_key text primary key,
    settled_as text not null check (settled_as in ('never', 'legacy')),
    legacy_job_id uuid,
    created_at timestamptz not null default now()
);
create index if not exists pipeline_settled_keys_created on public.pipeline_settled_keys (created_at);
alter table public.pipeline_settled_keys enable row level security;
revoke all on public.pipeline_settled_keys from anon, authenticated;
grant all on public.pipeline_settled_keys to service_role;

-- What became of a key: {"settled_as": "run", "run_id"}, {"settled_as": "legacy", "legacy_job_id"}, {"settled_as":
-- "never"} or {"settled_as": "unseen"}. With p_close an unseen key becomes 'never': a request that is still on its way
-- here will be refused, so whoever closed the key may send the work elsewhere.
create or replace function public.v2_key(p_key text, p_close boolean) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    found_run uuid;
    settled public.pipeline_settled_keys;
begin
    -- The same lock as the claim's: either it sees the closed key, or we see its run.
    perform pg_advisory_xact_lock(hashtextextended('v2-key:' || p_key, 0));
    select run_id into found_run from public.pipeline_run_keys where idempotency_key = p_key;
    if found then
        return jsonb_build_object('settled_as', 'run', 'run_id', found_run);
    end if;
    select * into settled from public.pipeline_settled_keys where idempotency_key = p_key;
    if found then
        return jsonb_build_object('settled_as', settled.settled_as, 'legacy_job_id', settled.legacy_job_id);
    end if;
    if p_close then
        insert into public.pipeline_settled_keys (idempotency_key, settled_as) values (p_key, 'never');
        return jsonb_build_object('settled_as', 'never', 'legacy_job_id', null);
    end if;
    return jsonb_build_object('settled_as', 'unseen');
end
$$;
