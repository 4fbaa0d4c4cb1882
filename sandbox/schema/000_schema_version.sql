-- A number that grows with every change of the schema, in the same transaction: the REST front compares it at each
-- request and so never serves a stale picture of a table.
create schema if not exists sandbox;

create table if not exists sandbox.schema_changes (
    only_row boolean primary key default true check (only_row),
    version bigint not null default 0
);
insert into sandbox.schema_changes default values on conflict do nothing;

create or replace function sandbox.schema_version() returns bigint
language sql stable security definer set search_path = '' as $$
    select version from sandbox.schema_changes
$$;

create or replace function sandbox.note_schema_change() returns event_trigger
language plpgsql security definer set search_path = '' as $$
begin
    update sandbox.schema_changes set version = version + 1;
end
$$;

do $$
begin
    if not exists (select from pg_event_trigger where evtname = 'sandbox_schema_change') then
        create event trigger sandbox_schema_change on ddl_command_end execute function sandbox.note_schema_change();
    end if;
end
$$;

grant usage on schema sandbox to public;
