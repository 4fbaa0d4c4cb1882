-- What was paid, by run, step and day (UTC). Kept when the run, or its user, is deleted: it holds nobody's data, and a
-- day's budget must not grow because somebody left.
create table if not exists public.pipeline_costs (
    run_id uuid not null,
    step text not null,
    day date not null default (now() at time zone 'utc')::date,
    calls bigint not null default 0,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    dollars double precision not null default 0,
    primary key (run_id, step, day)
);
create index if not exists pipeline_costs_day on public.pipeline_costs (day);
alter table public.pipeline_costs enable row level security;
revoke all on public.pipeline_costs from anon, authenticated;
grant all on public.pipeline_costs to service_role;

-- Adds to a run's bill.
create or replace function public.v2_charge(
    p_run uuid, p_step text, p_calls bigint, p_input bigint, p_output bigint, p_dollars double precision
) returns void
language sql security definer set search_path = public, extensions, pg_temp as $$
    insert into public.pipeline_costs as c (run_id, step, calls, input_tokens, output_tokens, dollars)
    values (p_run, p_step, p_calls, p_input, p_output, p_dollars)
    on conflict (run_id, step, day) do update
    set calls = c.calls + excluded.calls, input_tokens = c.input_tokens + excluded.input_tokens,
        output_tokens = c.output_tokens + excluded.output_tokens, dollars = c.dollars + excluded.dollars
$$;

-- Dollars of one run, and of everybody today (UTC).
create or replace function public.v2_spent(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select jsonb_build_object(
        'run', (select coalesce(sum(dollars), 0) from public.pipeline_costs where run_id = p_run),
        'day', (
            select coalesce(sum(dollars), 0) from public.pipeline_costs where day = (now() at time zone 'utc')::date
        )
    )
$$;

-- A run's bill by step: {"extract": {"calls", "input_tokens", "output_tokens", "dollars"}}. Failed runs have one too.
create or replace function public.v2_bill(p_run uuid) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
    select coalesce(jsonb_object_agg(step, bill), '{}') from (
        select step, jsonb_build_object(
            'calls', sum(calls), 'input_tokens', sum(input_tokens), 'output_tokens', sum(output_tokens),
            'dollars', sum(dollars)
        ) as bill
        from public.pipeline_costs where run_id = p_run group by step
    ) bills
$$;

drop function if exists public.v2_usage(uuid);
