-- One row per run of v2. Never rows in processing_jobs: the monolith's start-up recovery resumes whatever it finds there.
create table if not exists public.pipeline_runs (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    pipeline text not null default 'v2',
    version text not null,
    build text not null default '',
    cohort text,
    kind text not null default 'import' check (kind in ('import', 'refresh')),
    status text not null default 'accepted'
        check (status in ('accepted', 'running', 'complete', 'degraded', 'failed', 'cancelled', 'handed_back')),
    step text not null default 'queued',
    progress integer not null default 0 check (progress between 0 and 100),
    storage_path text,
    idempotency_key text unique,
    conversation_count integer,
    message_count integer,
    counts jsonb not null default '{}',
    coverage double precision,
    drops jsonb not null default '{}',
    usage jsonb not null default '{}',
    cost jsonb not null default '{}',
    facts jsonb,
    previous jsonb not null default '{}',
    error_code text,
    error_message text,
    callback_outcome text,
    -- The fence: each worker that takes the run gets the next number, and writes with an older one are refused.
    fence integer not null default 0,
    lease_owner text,
    lease_expires_at timestamptz,
    heartbeat_at timestamptz,
    switched_at timestamptz,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    updated_at timestamptz not null default now(),
    completed_at timestamptz
);

-- The atomic claim: a user has at most one run that is not over.
create unique index if not exists pipeline_runs_one_active
    on public.pipeline_runs (user_id) where status in ('accepted', 'running');
create index if not exists pipeline_runs_user on public.pipeline_runs (user_id, created_at desc);
create index if not exists pipeline_runs_created on public.pipeline_runs (created_at desc);

-- Every key under which a run was accepted. A request that joined a running run has a key of its own.
create table if not exists public.pipeline_run_keys (
    idempotency_key text primary key,
    run_id uuid not null references public.pipeline_runs (id) on delete cascade,
    created_at timestamptz not null default now()
);
create index if not exists pipeline_run_keys_run on public.pipeline_run_keys (run_id);

-- Answers that were paid for, by the hash of the question, so that a resumed run never pays twice.
create table if not exists public.pipeline_replies (
    run_id uuid not null references public.pipeline_runs (id) on delete cascade,
    request_hash text not null,
    step text not null,
    reply jsonb not null,
    created_at timestamptz not null default now(),
    primary key (run_id, request_hash)
);

-- The next generation of a user's chunks while it is being made. Its ids become the ids in conversation_chunks.
create table if not exists public.pipeline_staged_chunks (
    run_id uuid not null references public.pipeline_runs (id) on delete cascade,
    tier text not null check (tier in ('micro', 'medium', 'macro')),
    position integer not null,
    id uuid not null default gen_random_uuid() unique,
    conversation_id text not null,
    title text not null,
    content text not null,
    message_count integer not null,
    chunk_index integer not null,
    total_chunks integer not null,
    token_count integer not null,
    new_characters integer not null default 0,
    created_at timestamptz not null,
    is_recent boolean not null default false,
    chunking_version integer not null default 1,
    embedding vector(1024),
    primary key (run_id, tier, position)
);
create index if not exists pipeline_staged_chunks_unembedded
    on public.pipeline_staged_chunks (run_id, id) where embedding is null;

-- People's text and the state of their imports: the service key alone reads them.
alter table public.pipeline_runs enable row level security;
alter table public.pipeline_run_keys enable row level security;
alter table public.pipeline_replies enable row level security;
alter table public.pipeline_staged_chunks enable row level security;
revoke all on public.pipeline_runs, public.pipeline_run_keys, public.pipeline_replies, public.pipeline_staged_chunks
    from anon, authenticated;
grant all on public.pipeline_runs, public.pipeline_run_keys, public.pipeline_replies, public.pipeline_staged_chunks
    to service_role;
