"""A finished import by the monolith and a finished dry run of the same export, as their writers leave them."""

from __future__ import annotations

import json
import math
import random
from typing import Any  # rows

import psycopg

from sandbox.running import RunningSandbox

SECRET = "a sentence that nobody else may read"
TIERS = ("micro", "medium", "macro")


def vector(seed: str) -> str:
    dice = random.Random(seed)
    numbers = [dice.gauss(0, 1) for _ in range(1024)]
    length = math.sqrt(sum(number * number for number in numbers))
    return json.dumps([number / length for number in numbers])


def path_of(user: str) -> str:
    return f"user-imports/{user}/raw.json"


class Pair:
    """The rows of one user."""

    def __init__(self, sandbox: RunningSandbox, conversations: int = 3) -> None:
        self.sandbox, self.user = sandbox, sandbox.create_user()
        job = {"user_id": self.user, "status": "complete", "storage_path": path_of(self.user)}
        self.job = self._insert("processing_jobs", {**job, "completed_at": "2030-01-01T00:00:00Z"})
        run = {"user_id": self.user, "status": "complete", "storage_path": path_of(self.user), "version": "2.1"}
        figures = {"counts": {"characters": 1000}, "cost": {"total_cost_usd": 0.25}, "coverage": 1}
        times = {"completed_at": "2030-01-02T00:00:00Z"}
        self.run = self._insert(
            "pipeline_shadow_runs", {**run, **figures, **times, "idempotency_key": f"shadow-{self.user}"}
        )
        profile = {"soul_md": f"# {SECRET}", "soulprint": {"voice": SECRET}, "total_chunks": conversations * 3}
        self._insert("pipeline_shadow_profiles", {"run_id": self.run, "profile": profile}, "run_id")
        self.profile(profile)
        for number in range(conversations):
            for tier in TIERS:
                self.chunk(number, tier, stored=True)
                self.chunk(number, tier, stored=False)

    def profile(self, columns: dict[str, Any]) -> None:
        query = {"user_id": f"eq.{self.user}"}
        self.sandbox.http.patch("/rest/v1/user_profiles", params=query, json=columns).raise_for_status()

    def chunk(self, number: int, tier: str, *, stored: bool) -> None:
        row = {
            "user_id": self.user,
            "conversation_id": f"conversation {number}",
            "title": SECRET,
            "content": f"{SECRET} {number} {tier}",
            "chunk_tier": tier,
            "created_at": "2024-01-01T00:00:00Z",
            "embedding": vector(f"{number} {tier}"),
        }
        if stored:
            self._insert("conversation_chunks", row)
        else:
            [made] = self.sandbox.http.get("/rest/v1/pipeline_shadow_runs", params={"id": f"eq.{self.run}"}).json()
            with psycopg.connect(self.sandbox.sql_uri) as connection:
                connection.execute(
                    "insert into public.pipeline_shadow_chunks (id, run_id, user_id, conversation_id, title, content, "
                    "chunk_tier, created_at, embedding) values (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s, %s)",
                    [made["id"], *(row[name] for name in row)],
                )

    def _insert(self, table: str, row: dict[str, Any], key: str = "id") -> str:
        answer = self.sandbox.http.post(
            f"/rest/v1/{table}", json=row, headers={"prefer": "return=representation"}
        ).raise_for_status()
        return str(answer.json()[0][key])
