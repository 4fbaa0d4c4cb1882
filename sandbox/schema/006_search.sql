-- Nearest chunks of one user by cosine distance, with and without a tier.
create or replace function public.match_conversation_chunks_by_tier(
    query_embedding vector(1024),
    match_user_id uuid,
    match_tier text,
    match_count integer default 10,
    match_threshold double precision default 0.3
) returns table (
    id uuid,
    user_id uuid,
    conversation_id text,
    title text,
    content text,
    chunk_tier text,
    message_count integer,
    created_at timestamptz,
    similarity double precision
)
language sql stable as $$
    select c.id, c.user_id, c.conversation_id, c.title, c.content, c.chunk_tier, c.message_count, c.created_at,
           1 - (c.embedding <=> query_embedding)
    from public.conversation_chunks c
    where c.user_id = match_user_id
      and c.chunk_tier = match_tier
      and c.embedding is not null
      and 1 - (c.embedding <=> query_embedding) > match_threshold
    order by c.embedding <=> query_embedding
    limit match_count
$$;

create or replace function public.match_conversation_chunks(
    query_embedding vector(1024),
    match_user_id uuid,
    match_count integer default 10,
    match_threshold double precision default 0.3
) returns table (
    id uuid,
    user_id uuid,
    conversation_id text,
    title text,
    content text,
    chunk_tier text,
    message_count integer,
    created_at timestamptz,
    similarity double precision
)
language sql stable as $$
    select c.id, c.user_id, c.conversation_id, c.title, c.content, c.chunk_tier, c.message_count, c.created_at,
           1 - (c.embedding <=> query_embedding)
    from public.conversation_chunks c
    where c.user_id = match_user_id
      and c.embedding is not null
      and 1 - (c.embedding <=> query_embedding) > match_threshold
    order by c.embedding <=> query_embedding
    limit match_count
$$;
