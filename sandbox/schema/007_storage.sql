-- Buckets and objects. The bytes lie on disk, in a file named after the object's version.
create schema if not exists storage;

create table if not exists storage.buckets (
    id text primary key,
    name text not null unique,
    public boolean not null default false,
    file_size_limit bigint,
    allowed_mime_types text[],
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table if not exists storage.objects (
    id uuid primary key default gen_random_uuid(),
    bucket_id text not null references storage.buckets (id) on delete restrict,
    name text not null,
    version uuid not null,
    etag text not null,
    size bigint not null,
    mimetype text not null,
    cache_control text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_accessed_at timestamptz not null default now(),
    unique (bucket_id, name)
);

insert into storage.buckets (id, name, file_size_limit)
values ('imports', 'imports', 10737418240), ('user-imports', 'user-imports', 10737418240)
on conflict (id) do nothing;
