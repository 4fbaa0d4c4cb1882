"""What an import costs in dollars, reckoned without a model: `python -m bench.v2.costs`.

The requests are the service's own, made from a generated export; the former pipeline's are reckoned from its published
sizes over the same text. Both are counted by one rule (four bytes a token) and at the service's dated prices, and both
are taken to answer at the same length, so that they differ by what they send and how they send it.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.quality.export import Plan, write_export
from bench.v2.bill_page import PAGE, write_page
from bench.v2.results import keep
from v2_service.adapters.prompt import framed
from v2_service.contract import Conversation, ModelRequest, Tier
from v2_service.jobs.first_steps import CHUNKS_PER_STEP
from v2_service.processors import (
    REGENERATION_SAMPLING,
    ConversationChunker,
    DropReport,
    extraction_request,
    extraction_units,
    iter_conversations,
    regeneration_request,
    sample_conversations,
)
from v2_service.processors.memory_generator import MEMORY_INSTRUCTION, MEMORY_SCHEMA
from v2_service.settings import Settings

BYTES_PER_TOKEN = 4
# The former pipeline: chunks of 2000 tokens that overlap by 200, each with an instruction of 390; 300 answered of 2000.
CHUNK, OVERLAP, INSTRUCTION = 2000, 200, 390
ANSWERED = 300 / 2000
# Facts that reach MEMORY for each chunk of 2000 tokens; answers of MEMORY and of the sections; its sample.
FACT_TOKENS, MEMORY_ANSWER, SECTIONS_ANSWER, SAMPLE = 150, 3000, 2500, 154_000
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one step."""

    given: float
    said: float


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars of one import by step."""

    pipeline: str
    questions: int
    extract: float
    memory: float
    sections: float

    @property
    def total(self) -> float:
        """All steps."""
        return self.extract + self.memory + self.sections


def count(text: str) -> int:
    """Tokens of a text by the one rule."""
    return math.ceil(len(text.encode()) / BYTES_PER_TOKEN)


def asked(request: ModelRequest) -> int:
    """Tokens of a question of ours: system text, schema and framed material."""
    question = framed(request)
    return count(question.system) + count(question.user) + count(json.dumps(request.schema))


def former(conversations: Iterable[Conversation]) -> tuple[int, dict[str, Tokens]]:
    """The former pipeline over the same text: how many chunks, and tokens by step."""
    chunks, given, text = 0, 0.0, 0.0
    for conversation in conversations:
        tokens = sum(count(message.text) for message in conversation.messages)
        pieces = 1 + max(0, math.ceil((tokens - CHUNK) / (CHUNK - OVERLAP)))
        chunks += pieces
        text += tokens
        given += tokens + (pieces - 1) * OVERLAP + pieces * INSTRUCTION
    facts = FACT_TOKENS * text / CHUNK
    return chunks, {
        "extract": Tokens(given, text * ANSWERED),
        "memory": Tokens(facts, MEMORY_ANSWER),
        "sections": Tokens(min(SAMPLE, text), SECTIONS_ANSWER),
    }


def ours(conversations: list[Conversation]) -> tuple[int, dict[str, Tokens]]:
    """The service's own requests."""
    now = datetime.now(UTC)
    chunker = ConversationChunker(now)
    chunks = [
        chunk for conversation in conversations for chunk in chunker.chunk(conversation) if chunk.tier is Tier.MEDIUM
    ]
    steps = (chunks[at : at + CHUNKS_PER_STEP] for at in range(0, len(chunks), CHUNKS_PER_STEP))
    questions = [extraction_request(unit.chunk, now) for step in steps for unit in extraction_units(step)]
    text = sum(count(message.text) for conversation in conversations for message in conversation.messages)
    sample = sample_conversations(conversations, REGENERATION_SAMPLING)
    sections = regeneration_request(sample, "m" * (MEMORY_ANSWER * BYTES_PER_TOKEN))
    memory = count(MEMORY_INSTRUCTION) + count(json.dumps(MEMORY_SCHEMA)) + FACT_TOKENS * text / CHUNK
    return len({question.material for question in questions}), {
        "extract": Tokens(sum(map(asked, questions)), text * ANSWERED),
        "memory": Tokens(memory, MEMORY_ANSWER),
        "sections": Tokens(asked(sections), SECTIONS_ANSWER),
    }


def bill(pipeline: str, questions: int, tokens: dict[str, Tokens], share: float) -> Bill:
    """Dollars at the service's default prices, of which a batch pays a share."""
    fields = Settings.model_fields
    price_in, price_out = float(fields["price_input"].default), float(fields["price_output"].default)
    dollars = {step: share * (each.given * price_in + each.said * price_out) / MILLION for step, each in tokens.items()}
    return Bill(pipeline, questions, dollars["extract"], dollars["memory"], dollars["sections"])


def measure(conversations: int, sentences: int, folder: Path) -> dict[str, object]:
    """Bills of one generated export."""
    path = folder / "export.json"
    write_export(Plan(conversations, sentences=sentences), path)
    drops = DropReport()
    read = list(iter_conversations(path, drops))
    share = float(Settings.model_fields["price_batch_share"].default)
    then, now = former(read), ours(read)
    bills = [
        bill("former pipeline", *then, 1.0),
        bill("v2, single calls", *now, 1.0),
        bill("v2, Message Batches", *now, share),
    ]
    return {
        "conversations": conversations,
        "messages": drops.messages,
        "characters": drops.characters,
        "prices_as_of": Settings.model_fields["prices_as_of"].default,
        "rows": [{**asdict(one), "total": one.total, "ratio": one.total / bills[0].total} for one in bills],
    }


def main(
    conversations: Annotated[int, typer.Option(min=1, help="Conversations of the export.")] = 300,
    sentences: Annotated[int, typer.Option(min=1, help="Filler sentences of each; 100 make about 2000 tokens.")] = 100,
) -> None:
    """Reckon what the same import costs on both pipelines, and write the page."""
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        found = measure(conversations, sentences, Path(folder))
    keep("costs", found)
    write_page()
    Console().print_json(json.dumps(found))
    Console(stderr=True).print(f"written: {PAGE.name}")


if __name__ == "__main__":
    typer.run(main)
