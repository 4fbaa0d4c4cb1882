-- The monolith's jobs. Nothing keeps a user to one active job: that is how production is.
create table if not exists public.processing_jobs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    status text not null default 'pending',
    storage_path text,
    conversation_count integer,
    message_count integer,
    current_step text,
    progress integer default 0,
    error_message text,
    attempts integer default 0,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    completed_at timestamptz
);

create index if not exists processing_jobs_status on public.processing_jobs (status);
create index if not exists processing_jobs_user on public.processing_jobs (user_id);

create or replace function public.touch_processing_jobs() returns trigger
language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create or replace trigger processing_jobs_touch
    before update on public.processing_jobs
    for each row execute function public.touch_processing_jobs();

alter table public.processing_jobs enable row level security;
drop policy if exists own_rows on public.processing_jobs;
create policy own_rows on public.processing_jobs using (user_id = auth.uid()) with check (user_id = auth.uid());
