"""Holds the newest flags against Unleash's engine, wherever they live. Counterparts: `flags.cross_check`, `watch`."""

from collections.abc import Sequence

from flags.compile import compile_document
from flags.cross_check import SAMPLE, cross_check
from flags.document import read_document
from flags.engine import YggdrasilEngine
from gateway.ops.origin import Origin


def compare(origin: Origin, ids: Sequence[str]) -> tuple[int, list[str]]:
    """Ask both evaluators about made-up ids and these: how many answers, and the differences. Raises a FlagsError."""
    data = origin.read()
    snapshot = compile_document(data, source=origin.name, engine=YggdrasilEngine)
    return cross_check(snapshot, YggdrasilEngine(read_document(data)), (*SAMPLE, *ids))
