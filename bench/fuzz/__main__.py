"""`python -m bench.fuzz --requests 100000 --seed N`: fuzz a gateway on loopback and say what came of it."""

import asyncio
import json
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from bench.fuzz.deciding import Rule
from bench.fuzz.origin import Origin
from bench.fuzz.rounds import describe, fuzz_answers, fuzz_imports, fuzz_requests
from bench.fuzz.target import running_gateway
from bench.fuzz.verdict import Tally


async def _run(requests: int, answers: int, imports: int, seed: int) -> dict[str, Tally]:
    rule, legacy = Rule(), Origin()
    v2 = Origin(name="v2", seen=legacy.seen, seen_by=legacy.seen_by)
    async with legacy.running(), v2.running(), running_gateway(legacy.port, v2.port, rule) as port:
        return {
            "requests": await fuzz_requests(port, legacy, requests, seed),
            "answers": await fuzz_answers(port, legacy, answers, seed),
            "imports": await fuzz_imports(port, legacy, v2, rule, imports, seed),
        }


def main(
    requests: Annotated[int, typer.Option(help="How many requests to send.", min=0)] = 100_000,
    answers: Annotated[int, typer.Option(help="How many answers to send; a tenth of the requests by default.")] = -1,
    imports: Annotated[
        int, typer.Option(help="How many requests to send to the flagged route; a fifth by default.")
    ] = -1,
    seed: Annotated[int, typer.Option(help="The same seed makes the same streams.")] = 1,
    folder: Annotated[Path, typer.Option(help="Where findings are written.")] = Path("build"),
) -> None:
    """Send odd requests and answers through a gateway; end with 1 if anything was confused."""
    began = perf_counter()
    answers = requests // 10 if answers < 0 else answers
    imports = requests // 5 if imports < 0 else imports
    tallies = asyncio.run(_run(requests, answers, imports, seed))
    for kind, tally in tallies.items():
        print(f"{kind}: {describe(tally)}")
    print(f"seed {seed}, {perf_counter() - began:.0f} s")
    findings = [
        {
            "kind": kind,
            "finding": finding.what,
            "bytes": finding.sent.decode("latin-1"),
            "got": None if finding.got is None else finding.got.decode("latin-1"),
        }
        for kind, tally in tallies.items()
        for finding in tally.findings
    ]
    if findings:
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f"fuzz-{seed}.jsonl"
        written.write_text("".join(json.dumps(finding) + "\n" for finding in findings))
        print(f"findings: {written}")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
