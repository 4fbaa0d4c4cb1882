-- One row per user: what both pipelines write and what chat and the web app read.
create table if not exists public.user_profiles (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null unique references auth.users (id) on delete cascade,

    import_status text default 'none'
        constraint user_profiles_import_status_check
        check (import_status in ('none', 'quick_ready', 'processing', 'complete', 'locked', 'failed')),
    import_error text,
    import_stage text,
    progress_percent integer default 0,
    processing_started_at timestamptz,
    storage_path text,
    file_type text,
    raw_export_path text,
    import_cost_json text,

    embedding_status text default 'pending',
    embedding_progress integer default 0,
    embeddings_completed_at timestamptz,
    memory_status text default 'none',
    total_chunks integer default 0,
    processed_chunks integer default 0,
    total_messages integer default 0,
    total_conversations integer default 0,

    full_pass_status text default 'pending'
        constraint user_profiles_full_pass_status_check
        check (full_pass_status in ('pending', 'processing', 'complete', 'failed')),
    full_pass_error text,
    full_pass_started_at timestamptz,
    full_pass_completed_at timestamptz,

    soulprint jsonb,
    soulprint_text text,
    archetype text,
    ai_name text,
    ai_avatar_url text,
    soul_md text,
    identity_md text,
    user_md text,
    agents_md text,
    tools_md text,
    memory_md text,
    memory_log text,
    memory_log_date date,
    personality_profile jsonb,
    soulprint_generated_at timestamptz,
    soulprint_updated_at timestamptz,
    soulprint_locked boolean default false,
    locked_at timestamptz,
    quality_breakdown jsonb,
    quality_scored_at timestamptz,

    referral_code text unique,
    referred_by uuid references auth.users (id) on delete set null,
    referral_count integer default 0,

    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create or replace function auth.create_profile() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    insert into public.user_profiles (user_id) values (new.id) on conflict (user_id) do nothing;
    return new;
end
$$;

create or replace trigger users_create_profile
    after insert on auth.users
    for each row execute function auth.create_profile();

alter table public.user_profiles enable row level security;
drop policy if exists own_rows on public.user_profiles;
create policy own_rows on public.user_profiles using (user_id = auth.uid()) with check (user_id = auth.uid());
