-- Two roles in place of the project's service key, each with what its program needs and no more (S-106):
--   banyan_v2       v2: its functions, which check the run's fence, and reads of its own tables
--   banyan_gateway  the gateway's follower: how imports end, and what its proof of an import looks at; it writes nothing
-- A request arrives as authenticator and becomes the role that its key names. docs/deploy/supabase.md makes such keys.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['banyan_v2', 'banyan_gateway'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I nologin noinherit', wanted);
        end if;
        -- Begin from nothing, so that what an older version of this file granted is gone.
        execute format('revoke all on all tables in schema public from %I', wanted);
        execute format('revoke all on all functions in schema public from %I', wanted);
        execute format('grant usage on schema public to %I', wanted);
        if exists (select from pg_roles where rolname = 'authenticator') then
            execute format('grant %I to authenticator', wanted);
        end if;
    end loop;
end
$$;

-- v2 writes through its functions alone. Those that only other functions call stay closed.
do $$
declare
    signature regprocedure;
begin
    for signature in
        select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'public' and starts_with(p.proname, 'v2_')
            and p.proname not in (
                'v2_fenced', 'v2_charge', 'v2_generation', 'v2_settled', 'v2_shadow_fenced', 'v2_shadow_charge',
                'v2_shadow_empty', 'v2_shadow_erase'
            )
    loop
        execute format('grant execute on function %s to banyan_v2', signature);
    end loop;
end
$$;
grant select on public.pipeline_runs, public.pipeline_replies, public.pipeline_batches, public.pipeline_staged_chunks,
    public.pipeline_shadow_runs, public.pipeline_shadow_replies, public.pipeline_shadow_staged_chunks,
    public.pipeline_shadow_profiles
    to banyan_v2;
grant select (
    user_id, import_status, embedding_status, embedding_progress, memory_status, progress_percent, full_pass_status,
    soulprint_text
) on public.user_profiles to banyan_v2;

-- A filter on a column needs the right to read it, so the texts whose presence is asked for can be read: no chunk's
-- content, no title, no conversation, and of the profile only these.
grant select (
    id, user_id, status, step, error_code, kind, counts, coverage, cost, callback_outcome, created_at, updated_at,
    heartbeat_at, completed_at
) on public.pipeline_runs to banyan_gateway;
grant select (id, user_id, embedding) on public.conversation_chunks to banyan_gateway;
grant select (
    id, user_id, import_status, total_chunks, soulprint_generated_at, soulprint_text, soulprint, soul_md, identity_md,
    agents_md, user_md
) on public.user_profiles to banyan_gateway;
do $$
begin
    if to_regclass('public.processing_jobs') is not null then
        grant select (
            id, user_id, status, current_step, error_message, attempts, created_at, updated_at, completed_at
        ) on public.processing_jobs to banyan_gateway;
    end if;
end
$$;

-- Row level security is on for v2's own tables since they exist, and without a policy it shows nothing. Whether the
-- monolith's tables have it is the project's business: the policies are there in case they do.
do $$
declare
    one record;
begin
    for one in
        select * from (values
            ('pipeline_runs', 'banyan_v2'), ('pipeline_replies', 'banyan_v2'), ('pipeline_batches', 'banyan_v2'),
            ('pipeline_staged_chunks', 'banyan_v2'), ('user_profiles', 'banyan_v2'),
            ('pipeline_shadow_runs', 'banyan_v2'), ('pipeline_shadow_replies', 'banyan_v2'),
            ('pipeline_shadow_staged_chunks', 'banyan_v2'), ('pipeline_shadow_profiles', 'banyan_v2'),
            ('pipeline_runs', 'banyan_gateway'), ('processing_jobs', 'banyan_gateway'),
            ('conversation_chunks', 'banyan_gateway'), ('user_profiles', 'banyan_gateway')
        ) as wanted (tabled, reader)
        where to_regclass('public.' || tabled) is not null
    loop
        execute format('drop policy if exists %I on public.%I', one.reader || '_reads', one.tabled);
        execute format(
            'create policy %I on public.%I for select to %I using (true)', one.reader || '_reads', one.tabled, one.reader
        );
    end loop;
end
$$;

-- v2 reads uploaded exports, stores inline ones and deletes them at an erasure: in the import buckets only. On a hosted
-- project the tables of Storage belong to the platform, which may ignore such a grant with a warning or refuse it; then
-- the last line says so.
do $$
begin
    if to_regclass('storage.objects') is null or to_regclass('storage.buckets') is null then
        return;
    end if;
    begin
        grant usage on schema storage to banyan_v2;
        grant select on storage.buckets to banyan_v2;
        grant select, insert, update, delete on storage.objects to banyan_v2;
        drop policy if exists banyan_v2_buckets on storage.buckets;
        create policy banyan_v2_buckets on storage.buckets for select to banyan_v2
            using (id in ('imports', 'user-imports'));
        drop policy if exists banyan_v2_objects on storage.objects;
        create policy banyan_v2_objects on storage.objects for all to banyan_v2
            using (bucket_id in ('imports', 'user-imports')) with check (bucket_id in ('imports', 'user-imports'));
    exception when insufficient_privilege then
        null;  -- told below
    end;
    if not (has_schema_privilege('banyan_v2', 'storage', 'usage')
            and has_table_privilege('banyan_v2', 'storage.objects', 'insert')
            and exists (select from pg_policy where polname = 'banyan_v2_objects')) then
        raise warning 'banyan_v2 has no rights on Storage; docs/deploy/supabase.md says what to do';
    end if;
end
$$;
