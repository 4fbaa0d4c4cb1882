-- Columns of user_profiles that v2 writes, where a project lacks them. Re-runnable: nothing that stands is changed.
alter table public.user_profiles
    add column if not exists import_error text,
    add column if not exists import_stage text,
    add column if not exists progress_percent integer default 0,
    add column if not exists processing_started_at timestamptz,
    add column if not exists storage_path text,
    add column if not exists file_type text,
    add column if not exists import_cost_json text,
    add column if not exists embedding_status text default 'pending',
    add column if not exists embedding_progress integer default 0,
    add column if not exists embeddings_completed_at timestamptz,
    add column if not exists memory_status text default 'none',
    add column if not exists total_chunks integer default 0,
    add column if not exists processed_chunks integer default 0,
    add column if not exists total_messages integer default 0,
    add column if not exists total_conversations integer default 0,
    add column if not exists full_pass_error text,
    add column if not exists full_pass_started_at timestamptz,
    add column if not exists full_pass_completed_at timestamptz,
    add column if not exists archetype text,
    add column if not exists ai_name text,
    add column if not exists soul_md text,
    add column if not exists identity_md text,
    add column if not exists user_md text,
    add column if not exists agents_md text,
    add column if not exists tools_md text,
    add column if not exists memory_md text,
    add column if not exists memory_log text,
    add column if not exists memory_log_date date,
    add column if not exists soulprint jsonb,
    add column if not exists soulprint_text text,
    add column if not exists soulprint_generated_at timestamptz,
    add column if not exists soulprint_updated_at timestamptz,
    add column if not exists updated_at timestamptz default now();

-- A new status column must not make old, finished users look unfinished (L-05): its default comes after its values.
do $$
begin
    if not exists (
        select from information_schema.columns
        where table_schema = 'public' and table_name = 'user_profiles' and column_name = 'full_pass_status'
    ) then
        alter table public.user_profiles add column full_pass_status text;
        update public.user_profiles set full_pass_status = 'complete' where import_status = 'complete';
        alter table public.user_profiles alter column full_pass_status set default 'pending';
        alter table public.user_profiles add constraint user_profiles_full_pass_status_check
            check (full_pass_status in ('pending', 'processing', 'complete', 'failed'));
    end if;
end
$$;

-- One of the project's own migrations drops 'failed' from this CHECK when they are replayed in name order; both
-- pipelines write it.
do $$
begin
    if exists (
        select from pg_constraint
        where conrelid = 'public.user_profiles'::regclass
          and conname = 'user_profiles_import_status_check'
          and pg_get_constraintdef(oid) not like '%failed%'
    ) then
        alter table public.user_profiles drop constraint user_profiles_import_status_check;
        alter table public.user_profiles add constraint user_profiles_import_status_check
            check (import_status in ('none', 'quick_ready', 'processing', 'complete', 'locked', 'failed'));
    end if;
end
$$;
