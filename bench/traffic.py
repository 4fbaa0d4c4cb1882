"""What the clients say: ids and bodies of `POST /process-full`, the same in every run."""

from __future__ import annotations

import json
import random
import uuid

import mmh3

FLAG = "process-full-v2"
PERCENTAGE = 50


def user_ids(count: int) -> list[str]:
    """Random UUIDs, the same ones each time."""
    dice = random.Random(20_250_101)
    return [str(uuid.UUID(int=dice.getrandbits(128), version=4)) for _ in range(count)]


def process_full_body(user_id: str) -> str:
    """A request body as the web app sends it (about 250 bytes)."""
    return json.dumps(
        {
            "user_id": user_id,
            "storage_path": f"user-imports/{user_id}/conversations.json",
            "conversation_count": 1204,
            "message_count": 38_211,
            "access_token": None,
            "mini_profile": {"name": "Ada", "language": "en"},
        }
    )


def process_full_bodies(count: int) -> tuple[str, ...]:
    """One body for each of `count` users."""
    return tuple(process_full_body(user_id) for user_id in user_ids(count))


def backend_of(user_id: str) -> str:
    """Where the flag sends the user: MurmurHash3 of `flag:user` modulo 100, as Unleash does it."""
    bucket = mmh3.hash(f"{FLAG}:{user_id}", signed=False) % 100 + 1
    return "v2" if bucket <= PERCENTAGE else "legacy"
