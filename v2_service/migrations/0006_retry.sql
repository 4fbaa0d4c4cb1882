-- What taking up a failed run again needs, and forgetting what nobody took up. The retry is in 0011_claim.sql.
alter table public.pipeline_runs add column if not exists retries integer not null default 0;

-- Deletes what runs that ended before a moment kept for a retry: it is people's text. Returns how many runs that were.
create or replace function public.v2_clear_ended(p_before timestamptz) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    old uuid[];
    cleared integer;
begin
    select array_agg(r.id) into old from public.pipeline_runs r
    where r.completed_at < p_before and r.status not in ('accepted', 'running');
    with chunks as (
        delete from public.pipeline_staged_chunks where run_id = any (old) returning run_id
    ), replies as (
        delete from public.pipeline_replies where run_id = any (old) returning run_id
    )
    select count(distinct run_id) into cleared from (select * from chunks union all select * from replies) gone;
    return cleared;
end
$$;
