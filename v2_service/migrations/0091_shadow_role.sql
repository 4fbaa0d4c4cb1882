-- The functions of dry runs run with the rights of a role that can write nothing but the shadow area: what one of them
-- does wrong cannot reach a user's chunks or profile. Whoever applies this must be able to make roles; where it may not
-- give functions away, the last line says so, and they keep the rights that imports have.
do $$
declare
    tabled text;
    signature regprocedure;
begin
    if not exists (select from pg_roles where rolname = 'banyan_shadow') then
        create role banyan_shadow nologin;
    end if;
    revoke all on all tables in schema public from banyan_shadow;
    grant usage on schema public to banyan_shadow;
    if to_regnamespace('extensions') is not null then
        grant usage on schema extensions to banyan_shadow;
    end if;
    for tabled in select tablename from pg_tables where schemaname = 'public' and starts_with(tablename, 'pipeline_shadow_') loop
        execute format('grant select, insert, update, delete on public.%I to banyan_shadow', tabled);
        execute format('drop policy if exists banyan_shadow_writes on public.%I', tabled);
        execute format(
            'create policy banyan_shadow_writes on public.%I for all to banyan_shadow using (true) with check (true)', tabled
        );
    end loop;
    -- Whether there is such a user, and whether imports are waiting.
    grant select (user_id) on public.user_profiles to banyan_shadow;
    grant select (status) on public.pipeline_runs to banyan_shadow;
    foreach tabled in array array['user_profiles', 'pipeline_runs'] loop
        execute format('drop policy if exists banyan_shadow_reads on public.%I', tabled);
        execute format('create policy banyan_shadow_reads on public.%I for select to banyan_shadow using (true)', tabled);
    end loop;
    begin
        execute format('grant banyan_shadow to %I', current_user);
        grant create on schema public to banyan_shadow;
        for signature in
            select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where n.nspname = 'public' and starts_with(p.proname, 'v2_shadow_')
        loop
            execute format('alter function %s owner to banyan_shadow', signature);
        end loop;
        revoke create on schema public from banyan_shadow;
    exception when insufficient_privilege then
        raise warning 'functions of dry runs keep the rights of imports: % may not give them to banyan_shadow', current_user;
    end;
end
$$;
