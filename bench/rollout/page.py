"""Writes the stories down as a page. Counterpart: `run`, whose findings it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any  # findings are JSON

from bench.rollout.crowd import NO_EXPORT, OPEN, REFUSED
from bench.rollout.run import PACE
from bench.rollout.scene import MODELS_TAKE_TIME
from bench.rollout.stories import STORIES, Story
from gateway.rollout.steps import Phase

Found = Mapping[str, Any]

HEAD = f"""# A rollout on the running stack

Written by `python -m bench.rollout`: real processes, no stand-in for any of ours. The sandbox (PostgreSQL with its
PostgREST front, Storage, models), the monolith's stand-in with its own pauses, v2, a gateway with two workers, and
`rollout guard` as a process of its own, which reads the gateway's evidence once a second.

- **Plan.** [fast.toml](fast.toml): the default plan with minutes for days. Rules, margins, numbers of users, and the
  error budget are the default ones; nobody approves anything. The control is an equal one: at 10 %, buckets 1 to 10 are
  compared with 11 to 20. The ceilings for failed imports at 100 % fit this crowd, and no answer under five seconds is
  slow: the stack and its crowd share a few processors with each other.
- **People.** New ids from a seeded generator, hashed as ever; at most {PACE[10]:g} a second at 10 %, {PACE[50]:g} at
  50 %, {PACE[100]:g} at 100 %, and never more than {OPEN} imports at once, because the monolith has no queue. So many
  are needed because "good" is a statement about v2's users, and at 10 % only each tenth is one. {REFUSED:.0%} of those
  in compared buckets, and all others, send a request that either side refuses (422). The rest make an account, upload a
  file from `tests/data` and ask for the import until it is accepted, waiting four seconds after a refusal.
  {NO_EXPORT:.0%} of these files are no exports, so imports fail on both sides alike; the others are real ones, mostly
  small, each fortieth one of the others in turn.
- **Models** take {MODELS_TAKE_TIME["bedrock"]["latency_ms"]} ms for each answer, on either side. v2 makes a full pass
  from 50 conversations on, its own default (`make run` sets 1), so most of these small files get the quick one.
- **Lost** means: a request without an answer; an answer by the backend that the flag did not name (v2's users whom the
  gateway gave to legacy because v2 was not there are told apart); an accepted import that never ended, or whose end is
  not in the evidence exactly once; a job that no answer spoke of; a person whose import nobody took in the end.
"""


def render(found: Mapping[str, Found]) -> str:
    """The page in Markdown, from the findings by story."""
    told = [(story, found[story.name]) for story in STORIES if story.name in found]
    return "\n".join([HEAD, *_overview(told), *(line for story, what in told for line in _story(story, what))])


def _overview(told: list[tuple[Story, Found]]) -> Iterator[str]:
    yield "| story | ended | found after | people | requests | lost | minutes |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for story, what in told:
        counts = what["reckoning"]
        found = "" if what["detected_after"] is None else f"{what['detected_after']:.0f} s"
        yield (
            f"| {story.title} | {what['phase']} | {found} | {counts['people']:,} | {counts['requests']:,} "
            f"| **{lost(counts)}** | {what['minutes']:g} |"
        )
    yield ""
    yield "Found: from the moment in which v2 was broken to the moment in which the flag stood at 0."
    yield ""


def lost(counts: Found) -> int:
    """All that must not be, in one figure."""
    return sum(int(counts[name]) for name in ("unanswered", "wrong", "unended", "doubled", "strangers", "refused"))


def _story(story: Story, what: Found) -> Iterator[str]:
    counts, setting = what["reckoning"], what["setting"]
    yield f"## {story.title}"
    yield ""
    yield f"{story.told} {setting['date']}, {setting['processors']} processors, load {what['load']:g} at the end."
    if what["phase"] != story.ends:
        yield f"**It ended {what['phase']}, where it had to end {story.ends}.**"
        if what["phase"] == Phase.WATCHING:
            yield "The guard was stopped from outside while it watched this step."
    yield ""
    yield "| s | what happened |"
    yield "|---:|---|"
    for at, text in what["timeline"]:
        yield f"| {at:.0f} | {text.replace('|', '/')} |"
    yield ""
    yield f"Answers (status, backend): {_pairs(counts['answers'])}. Imports accepted: {_pairs(counts['accepted'])};"
    yield f"how they ended: {_pairs(counts['ends'])}. Answered by legacy for a v2 that was not there:"
    yield f"{counts['taken_over']}."
    yield ""
    zeros = ("unanswered", "wrong", "unended", "doubled", "strangers", "refused")
    yield "Lost: " + ", ".join(f"{name} {counts[name]}" for name in zeros) + "."
    yield ""
    names = ", ".join(f"[{name.removesuffix('.md')}](reports/{story.name}/{name})" for name in what["reports"])
    yield f"The guard's reports: {names or 'none'}."
    yield ""


def _pairs(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
