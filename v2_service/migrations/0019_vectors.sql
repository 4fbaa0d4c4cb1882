-- Vectors for staged chunks: [{"id", "embedding": "[numbers]"}], and what they cost. Returns how many rows took one.
-- A vector comes as text: as JSON numbers each of the 1024 would be parsed twice, which costs more than the write.
create or replace function public.v2_write_embeddings(
    p_run uuid, p_fence integer, p_rows jsonb, p_tokens bigint, p_dollars double precision
) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
    written integer;
begin
    perform public.v2_fenced(p_run, p_fence);
    update public.pipeline_staged_chunks s
    set embedding = r.embedding::vector(1024)
    from jsonb_to_recordset(p_rows) as r (id uuid, embedding text)
    where s.run_id = p_run and s.id = r.id;
    get diagnostics written = row_count;
    perform public.v2_charge(p_run, 'embed', jsonb_array_length(p_rows), p_tokens, 0, p_dollars);
    return written;
end
$$;
