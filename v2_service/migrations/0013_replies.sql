-- Keeps an answer that was paid for, and charges it, in one transaction. An answer that two workers paid for is charged
-- twice and kept once; one of a run that was stopped meanwhile is charged and not kept. Returns whether the run goes on:
-- if not, its worker need ask nothing more.
drop function if exists public.v2_keep_reply(uuid, text, text, jsonb, double precision);
create or replace function public.v2_keep_reply(
    p_run uuid, p_hash text, p_step text, p_reply jsonb, p_dollars double precision
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    goes_on boolean;
begin
    perform public.v2_charge(
        p_run, p_step, (p_reply #>> '{usage,calls}')::bigint, (p_reply #>> '{usage,input_tokens}')::bigint,
        (p_reply #>> '{usage,output_tokens}')::bigint, p_dollars
    );
    -- The lock makes a stop that comes at the same moment delete this answer, or this answer see the stop.
    select status in ('accepted', 'running') into goes_on from public.pipeline_runs where id = p_run for share;
    if coalesce(goes_on, false) then
        insert into public.pipeline_replies (run_id, request_hash, step, reply)
        values (p_run, p_hash, p_step, p_reply)
        on conflict (run_id, request_hash) do nothing;
    end if;
    return coalesce(goes_on, false);
end
$$;
