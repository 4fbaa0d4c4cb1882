"""The monolith's own requests, in the order of its contract."""

from __future__ import annotations

from tests.sandbox.corpus.case import CHUNK, JOB, NOBODY, USER, call, read, write

CHUNK_ROW = {
    "user_id": USER,
    "conversation_id": "c9",
    "title": "T",
    "content": "some text",
    "chunk_tier": "micro",
    "message_count": 2,
    "created_at": "2024-05-01T00:00:00",
}
ZEROS = [0.0] * 1024
ONES = [1.0] + [0.0] * 1023

MONOLITH = [
    write(
        "a job is created and shown",
        "POST",
        "/processing_jobs?select=user_id,status,storage_path,conversation_count,current_step,progress,attempts",
        {
            "user_id": USER,
            "status": "pending",
            "storage_path": "user-imports/x/raw-1.json",
            "conversation_count": 0,
            "message_count": 0,
            "current_step": "queued",
            "progress": 0,
            "attempts": 1,
        },
        "return=representation",
    ),
    write("a job is patched", "PATCH", f"/processing_jobs?id=eq.{JOB}", {"status": "processing", "progress": 5}),
    read("jobs to resume", "/processing_jobs?status=in.(pending,processing)&attempts=lt.3&select=*"),
    read("jobs to resume, encoded", "/processing_jobs?status=in.%28pending%2Cprocessing%29&attempts=lt.3&select=%2A"),
    write("a profile is patched", "PATCH", f"/user_profiles?user_id=eq.{USER}", {"import_status": "processing"}),
    write(
        "a profile is patched and shown",
        "PATCH",
        f"/user_profiles?user_id=eq.{USER}&select=archetype,soulprint,soulprint_generated_at",
        {"soulprint": {"a": [1]}, "archetype": "Maker", "soulprint_generated_at": "2024-05-01T10:00:00.123456"},
        "return=representation",
    ),
    write(
        "merging without a conflict target meets the unique user",
        "POST",
        "/user_profiles",
        {"user_id": USER, "total_messages": 3, "import_status": "processing"},
        "resolution=merge-duplicates",
    ),
    read("any profile", "/user_profiles?select=user_id&limit=1"),
    read(
        "profiles to embed",
        "/user_profiles?import_status=eq.complete&embedding_status=neq.complete&select=user_id&limit=10",
    ),
    read(
        "a profile for chat",
        f"/user_profiles?user_id=eq.{USER}"
        "&select=soul_md,identity_md,agents_md,user_md,archetype,soulprint,soulprint_text",
    ),
    write("chunks in one batch", "POST", "/conversation_chunks", [CHUNK_ROW, {**CHUNK_ROW, "content": "more"}]),
    write(
        "a chunk is created and shown",
        "POST",
        "/conversation_chunks?select=user_id,content,chunk_tier,is_recent,embedding",
        CHUNK_ROW,
        "return=representation",
    ),
    write("is_recent is a column", "POST", "/conversation_chunks", {**CHUNK_ROW, "is_recent": True}),
    read(
        "keyword search",
        f"/conversation_chunks?user_id=eq.{USER}&content=ilike.*dogs*"
        "&select=id,content,title,chunk_tier,message_count,created_at&limit=5",
    ),
    read("keyword search, encoded", f"/conversation_chunks?user_id=eq.{USER}&content=ilike.%2ADOGS%2A&select=content"),
    read(
        "newest chunks",
        f"/conversation_chunks?user_id=eq.{USER}&select=id,content,title,message_count,created_at"
        "&order=created_at.desc&limit=2",
    ),
    read("chunks to embed", f"/conversation_chunks?user_id=eq.{USER}&select=id,content&limit=10000"),
    read("chunks without embedding", f"/conversation_chunks?user_id=eq.{USER}&embedding=is.null&select=content"),
    read("chunks with embedding", f"/conversation_chunks?user_id=eq.{USER}&embedding=not.is.null&select=id&limit=1"),
    read("an embedding comes as text", f"/conversation_chunks?id=eq.{CHUNK}&select=id,embedding"),
    write("an embedding is patched", "PATCH", f"/conversation_chunks?id=eq.{CHUNK}", {"embedding": ONES}),
    write(
        "an embedding is patched and shown",
        "PATCH",
        f"/conversation_chunks?id=eq.{CHUNK}&select=id,embedding",
        {"embedding": ONES},
        "return=representation",
    ),
    write("an embedding of a wrong size", "PATCH", f"/conversation_chunks?id=eq.{CHUNK}", {"embedding": [1, 2, 3]}),
    write("an embedding that is no numbers", "PATCH", f"/conversation_chunks?id=eq.{CHUNK}", {"embedding": "none"}),
    write("patching a row that is not there", "PATCH", f"/conversation_chunks?id=eq.{NOBODY}", {"title": "x"}),
    write(
        "patching a row that is not there, shown",
        "PATCH",
        f"/conversation_chunks?id=eq.{NOBODY}",
        {"title": "x"},
        "return=representation",
    ),
    write("a user's chunks are deleted", "DELETE", f"/conversation_chunks?user_id=eq.{USER}"),
    write(
        "a chunk is deleted and shown",
        "DELETE",
        f"/conversation_chunks?id=eq.{CHUNK}&select=id,content",
        prefer="return=representation",
    ),
    read(
        "raw conversations",
        f"/raw_conversations?user_id=eq.{USER}&select=title,messages,message_count,created_at"
        "&order=created_at.desc&limit=500",
    ),
    call(
        "nearest chunks of a tier",
        "match_conversation_chunks_by_tier",
        {
            "query_embedding": ONES,
            "match_user_id": USER,
            "match_tier": "micro",
            "match_count": 5,
            "match_threshold": 0.1,
        },
    ),
    call(
        "nearest chunks of any tier",
        "match_conversation_chunks",
        {"query_embedding": ONES, "match_user_id": USER, "match_count": 5, "match_threshold": 0.25},
    ),
    call(
        "the health probe's search finds nothing",
        "match_conversation_chunks",
        {"query_embedding": ZEROS, "match_user_id": NOBODY, "match_count": 1, "match_threshold": 0.99},
    ),
    call("defaults of a search", "match_conversation_chunks", {"query_embedding": ONES, "match_user_id": USER}),
]
