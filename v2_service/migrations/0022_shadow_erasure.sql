-- The erasure of 0007 with dry runs in it: a user's go with all that they made, and their ids are told with the others, so
-- that the checkpoints of both are deleted.

-- Deletes a user's dry runs with all that they made; returns their ids.
create or replace function public.v2_shadow_erase(p_user uuid) returns jsonb
language sql security definer set search_path = public, extensions, pg_temp as $$
    with gone as (delete from public.pipeline_shadow_runs where user_id = p_user returning id)
    select coalesce(jsonb_agg(id), '[]') from gone
$$;

create or replace function public.v2_erase_user(p_user uuid) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    runs jsonb;
    chunks integer;
    assignments text;
    beginnings constant jsonb := '{
        "import_status": "none", "embedding_status": "pending", "memory_status": "none",
        "full_pass_status": "pending", "progress_percent": 0, "embedding_progress": 0, "total_chunks": 0,
        "processed_chunks": 0, "total_messages": 0, "total_conversations": 0, "soulprint_locked": false}';
    emptied constant text[] := array[
        'import_error', 'import_stage', 'processing_started_at', 'storage_path', 'file_type', 'raw_export_path',
        'import_cost_json', 'embeddings_completed_at', 'full_pass_error', 'full_pass_started_at',
        'full_pass_completed_at', 'soulprint', 'soulprint_text', 'archetype', 'ai_name', 'ai_avatar_url', 'soul_md',
        'identity_md', 'user_md', 'agents_md', 'tools_md', 'memory_md', 'memory_log', 'memory_log_date',
        'personality_profile', 'soulprint_generated_at', 'soulprint_updated_at', 'locked_at', 'quality_breakdown',
        'quality_scored_at'];
begin
    perform pg_advisory_xact_lock(hashtextextended('v2:' || p_user::text, 0));
    -- Runs go first: from here on every write of their workers is refused.
    with gone as (delete from public.pipeline_runs where user_id = p_user returning id)
    select coalesce(jsonb_agg(id), '[]') into runs from gone;
    runs := runs || public.v2_shadow_erase(p_user);
    delete from public.conversation_chunks where user_id = p_user;
    get diagnostics chunks = row_count;
    if to_regclass('public.raw_conversations') is not null then
        execute 'delete from public.raw_conversations where user_id = $1' using p_user;
    end if;
    if to_regclass('public.processing_jobs') is not null then
        execute 'delete from public.processing_jobs where user_id = $1' using p_user;
    end if;
    select string_agg(format('%1$I = r.%1$I', column_name), ', ') into assignments
    from information_schema.columns
    where table_schema = 'public' and table_name = 'user_profiles'
        and (beginnings ? column_name or column_name = any (emptied));
    execute format(
        'update public.user_profiles p set %s, updated_at = now() '
        'from jsonb_populate_record(null::public.user_profiles, $1) r where p.user_id = $2',
        assignments
    ) using beginnings, p_user;
    return jsonb_build_object('runs', runs, 'chunks', chunks);
end
$$;
