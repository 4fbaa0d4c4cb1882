-- Searchable pieces of a user's conversations, and the conversations as they were imported.
create table if not exists public.conversation_chunks (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    conversation_id text not null,
    title text,
    content text not null,
    message_count integer,
    created_at timestamptz not null,
    updated_at timestamptz default now(),
    is_recent boolean default false,
    chunk_tier text default 'medium',
    embedding vector(1024)
);

create index if not exists conversation_chunks_user on public.conversation_chunks (user_id);
create index if not exists conversation_chunks_user_recent on public.conversation_chunks (user_id, is_recent);
create index if not exists conversation_chunks_user_created on public.conversation_chunks (user_id, created_at desc);
create index if not exists conversation_chunks_user_tier on public.conversation_chunks (user_id, chunk_tier);
-- Production has an approximate ivfflat index on the vectors. It answers from a tenth of the lists by default, which on
-- a small sandbox loses most rows; an exact scan gives the answer that the approximate one aims at.

alter table public.conversation_chunks enable row level security;
drop policy if exists own_rows on public.conversation_chunks;
create policy own_rows on public.conversation_chunks using (user_id = auth.uid()) with check (user_id = auth.uid());

create table if not exists public.raw_conversations (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    conversation_id text not null,
    title text,
    messages jsonb not null,
    message_count integer not null default 0,
    created_at timestamptz not null,
    imported_at timestamptz default now(),
    unique (user_id, conversation_id)
);

alter table public.raw_conversations enable row level security;
drop policy if exists own_rows on public.raw_conversations;
create policy own_rows on public.raw_conversations using (user_id = auth.uid()) with check (user_id = auth.uid());

create table if not exists public.chat_messages (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    conversation_id uuid,
    role text not null check (role in ('user', 'assistant')),
    content text not null,
    created_at timestamptz default now()
);

alter table public.chat_messages enable row level security;
drop policy if exists own_rows on public.chat_messages;
create policy own_rows on public.chat_messages using (user_id = auth.uid()) with check (user_id = auth.uid());
