-- Last by name, so that functions of every migration are covered: they run with the owner's rights, and nobody but the
-- service may call them.
do $$
declare
    signature regprocedure;
begin
    for signature in
        select p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'public' and starts_with(p.proname, 'v2_')
    loop
        execute format('revoke all on function %s from public, anon, authenticated', signature);
        execute format('grant execute on function %s to service_role', signature);
    end loop;
end
$$;
