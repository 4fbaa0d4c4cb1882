"""Where a long text may be cut: at a sentence end if there is one near, else between words, else anywhere.

Every function looks at a window that the token budget bounds, so cutting a text of any length is linear (L-57).
"""

from __future__ import annotations

from v2_service.processors.tokens import MAX_CHARACTERS_PER_TOKEN, estimate_tokens

_ENDS = ("\n", ". ", "? ", "! ", "。", "？", "！")


def cut_piece(text: str, start: int, budget: int) -> tuple[int, int]:
    """Where a piece that begins at `start` ends (see `cut_end`), and its cost in tokens."""
    end = len(text)
    if end - start <= budget * MAX_CHARACTERS_PER_TOKEN:
        cost = estimate_tokens(text[start:])
        if cost <= budget:
            return end, cost
    end = cut_end(text, start, budget)
    return end, estimate_tokens(text[start:end])


def cut_end(text: str, start: int, budget: int) -> int:
    """The furthest good end, past `start`, of a piece that begins there and costs at most `budget` tokens."""
    size = min(len(text) - start, budget * MAX_CHARACTERS_PER_TOKEN)
    cost = estimate_tokens(text[start : start + size])
    while cost > budget and size > 1:
        size = max(1, min(size - 1, size * budget // cost))
        cost = estimate_tokens(text[start : start + size])
    end = start + max(size, 1)
    if end >= len(text):
        return len(text)
    # A sentence end in the first half would waste half of the budget.
    half = start + size // 2
    found = max(_after_last(text, mark, half, end) for mark in _ENDS)
    if found <= half:
        found = _after_last(text, " ", half, end)
    return found if found > half else end


def tail_start(text: str, start: int, end: int, budget: int) -> int:
    """Where the last sentences of `text[start:end]` begin that cost at most `budget` tokens; `end` if none fits."""
    size = min(end - start, budget * MAX_CHARACTERS_PER_TOKEN)
    cost = estimate_tokens(text[end - size : end])
    while cost > budget and size > 0:
        size = min(size - 1, size * budget // cost)
        cost = estimate_tokens(text[end - size : end])
    first = end - size
    if first == start:
        return start
    # The last two characters cannot begin a sentence: without this bound the piece's own end would be found.
    marks = [at for mark in _ENDS if (at := _after_first(text, mark, first, end - 1)) > 0]
    found = min(marks) if marks else _after_first(text, " ", first, end - 1)
    return found if found > 0 else first


def _after_last(text: str, mark: str, low: int, high: int) -> int:
    at = text.rfind(mark, low, high)
    return at + len(mark) if at >= 0 else -1


def _after_first(text: str, mark: str, low: int, high: int) -> int:
    at = text.find(mark, low, high)
    return at + len(mark) if at >= 0 else -1
