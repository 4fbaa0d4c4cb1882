"""Conversations -> chunks in the three tiers that search knows. The only chunking there is (S-92).

    medium  about 2000 tokens, overlapping by 200: together they hold every character of the conversation
    macro   the first 5000 characters, one per conversation long enough: what it is about, for broad questions
    micro   200-character slices of the first 2000, for the first 100 conversations, at most 300 in all: sharp hits

Only medium carries facts, so only medium is extracted and counted for coverage. The other two repeat its text in the
sizes that legacy's tiered search asks for (15 macro, 25 medium, 25 micro hits), with legacy's own bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from v2_service.contract import Chunk, Conversation, Message, Tier
from v2_service.processors.labels import one_line, without_labels
from v2_service.processors.sentences import cut_piece, tail_start
from v2_service.processors.tokens import estimate_tokens

_SPEAKERS = {"user": "User:", "assistant": "Assistant:"}
_CUSTOM_INSTRUCTIONS_MARK = "[custom instructions]"
_LABEL_TOKENS = 4
_DAY_TOKENS = 9
_HEADING_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class ChunkingSettings:
    """Sizes of the tiers. Tokens are estimated (see `tokens`); a change of any value needs a new `version` (S-93)."""

    version: int = 2
    target_tokens: int = 2000
    overlap_tokens: int = 200
    macro_characters: int = 5000
    macro_minimum: int = 500
    micro_characters: int = 200
    micro_minimum: int = 50
    micro_head_characters: int = 2000
    micro_conversations: int = 100
    micro_total: int = 300

    def __post_init__(self) -> None:
        if not 0 <= self.overlap_tokens <= self.target_tokens // 4:
            raise ValueError("overlap_tokens must be between 0 and a quarter of target_tokens")
        if min(self.macro_characters, self.micro_characters, self.target_tokens // 50) < 1:
            raise ValueError("tier sizes are too small: target_tokens needs at least 50, the others at least 1")


@dataclass(frozen=True, slots=True)
class Span:
    """`messages[message].text[start:end]`; `new` is where the part begins that no earlier piece holds."""

    message: int
    start: int
    end: int
    new: int


@dataclass(slots=True)
class ConversationChunker:
    """Chunks the conversations of one import in order; keeps the positions and what is left of the micro allowance.

    `now` dates chunks of conversations for which the export has no time at all, and nothing else (L-52).
    """

    now: datetime
    settings: ChunkingSettings = field(default_factory=ChunkingSettings)
    _positions: dict[Tier, int] = field(default_factory=lambda: dict.fromkeys(Tier, 0))
    _conversations: int = 0
    _micro_made: int = 0

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("now must be an aware time")

    def chunk(self, conversation: Conversation) -> list[Chunk]:
        """All chunks of one conversation: macro, medium, then micro, as legacy inserts them."""
        self._conversations += 1
        pieces = split_messages(conversation.messages, self.settings)
        times = _times(conversation, self.now)
        text = render(conversation, _head(conversation.messages, self.settings.macro_characters))
        chunks = self._slices(conversation, Tier.MACRO, self._macro(text), times[0])
        chunks += [
            self._make(
                conversation, Tier.MEDIUM, (index, len(pieces)), render(conversation, piece, when.date()), when, new
            )
            for index, piece in enumerate(pieces)
            for when, new in [_first_new(piece, times)]
        ]
        micro = self._micro(text)
        self._micro_made += len(micro)
        return chunks + self._slices(conversation, Tier.MICRO, micro, times[0])

    def _macro(self, text: str) -> list[str]:
        return [text[: self.settings.macro_characters]] if len(text) > self.settings.macro_minimum else []

    def _micro(self, text: str) -> list[str]:
        if self._conversations > self.settings.micro_conversations:
            return []
        size = self.settings.micro_characters
        head = text[: self.settings.micro_head_characters]
        slices = [head[at : at + size].strip() for at in range(0, len(head), size)]
        allowance = self.settings.micro_total - self._micro_made
        return [piece for piece in slices if len(piece) > self.settings.micro_minimum][:allowance]

    def _slices(self, conversation: Conversation, tier: Tier, texts: list[str], when: datetime) -> list[Chunk]:
        return [self._make(conversation, tier, (index, len(texts)), text, when, 0) for index, text in enumerate(texts)]

    def _make(
        self, conversation: Conversation, tier: Tier, place: tuple[int, int], content: str, when: datetime, new: int
    ) -> Chunk:
        position = self._positions[tier]
        self._positions[tier] += 1
        return Chunk(
            conversation_id=conversation.id,
            title=conversation.title,
            content=content,
            tier=tier,
            position=position,
            chunk_index=place[0],
            total_chunks=place[1],
            token_count=estimate_tokens(content),
            message_count=len(conversation.messages),
            created_at=when,
            new_characters=new,
        )


def chunk_conversations(
    conversations: Iterable[Conversation], now: datetime, settings: ChunkingSettings | None = None
) -> Iterator[Chunk]:
    """Chunks of a whole import, lazily and in a fixed order: the same export and settings give the same chunks."""
    chunker = ConversationChunker(now, settings or ChunkingSettings())
    for conversation in conversations:
        yield from chunker.chunk(conversation)


def split_messages(messages: Sequence[Message], settings: ChunkingSettings) -> list[list[Span]]:
    """Pieces of about `target_tokens` that hold every character, each beginning with the end of the one before."""
    pieces: list[list[Span]] = []
    piece: list[Span] = []
    room = settings.target_tokens
    label = _label_tokens(messages)
    for index, message in enumerate(messages):
        start = 0
        while start < len(message.text):
            end, cost = cut_piece(message.text, start, max(room - label, 1))
            # A scrap of a message at the end of a piece helps no reader: begin it in the next one.
            scrap = end < len(message.text) and room < settings.overlap_tokens and _has_new(piece)
            if not scrap:
                piece.append(Span(index, start, end, start))
                room -= label + cost
                start = end
            if scrap or start < len(message.text) or room <= label:
                pieces.append(piece)
                piece = _overlap(piece, messages, settings.overlap_tokens, label)
                room = settings.target_tokens - _cost(piece, messages, label)
    if _has_new(piece):
        pieces.append(piece)
    return pieces


def render(conversation: Conversation, spans: Sequence[Span], day: date | None = None) -> str:
    """The text of a piece: a heading with the title, then each message after its label.

    Spans are verbatim, except that a line which looks like a label is quoted. Messages of another day than `day` bear
    their own: a talk goes on weeks later, and "tomorrow" means another day then.
    """
    title = one_line(conversation.title)
    heading = title if len(title) <= _HEADING_CHARACTERS else title[:_HEADING_CHARACTERS] + "…"
    lines = [f"# {heading}"]
    last = -1
    for span in spans:
        message = conversation.messages[span.message]
        text = message.text[span.start : span.end]
        if span.message == last:
            lines[-1] += text
            continue
        own = message.source == "custom_instructions"
        # A message cannot pass for the person's instructions by beginning as they do.
        forged = not own and text.lstrip().lower().startswith(_CUSTOM_INSTRUCTIONS_MARK)
        mark = f" {_CUSTOM_INSTRUCTIONS_MARK}" if own else " >" if forged else ""
        lines.append(f"{_day_mark(message, day)}{_SPEAKERS[message.role]}{mark} {text}")
        last = span.message
    return "\n".join(map(without_labels, lines))


def _day_mark(message: Message, day: date | None) -> str:
    written = message.created_at
    return f"[{written:%Y-%m-%d}] " if day and written and written.date() != day else ""


def _label_tokens(messages: Sequence[Message]) -> int:
    """Tokens of a message's label, reckoned with a day if some message may bear one."""
    days = {message.created_at and message.created_at.date() for message in messages}
    return _LABEL_TOKENS if len(days) <= 1 else _LABEL_TOKENS + _DAY_TOKENS


def _head(messages: Sequence[Message], characters: int) -> list[Span]:
    """Enough of the beginning to fill `characters`, without copying the rest of a long message."""
    spans: list[Span] = []
    for index, message in enumerate(messages):
        if characters <= 0:
            break
        spans.append(Span(index, 0, min(len(message.text), characters), 0))
        characters -= len(message.text)
    return spans


def _overlap(piece: list[Span], messages: Sequence[Message], budget: int, label: int) -> list[Span]:
    """The last sentences of a piece, to begin the next one with."""
    kept: list[Span] = []
    for span in reversed(piece):
        budget -= label
        if budget <= 0:
            break
        start = tail_start(messages[span.message].text, span.start, span.end, budget)
        if start < span.end:
            kept.append(Span(span.message, start, span.end, span.end))
        if start > span.start:
            break
        budget -= estimate_tokens(messages[span.message].text[start : span.end])
    kept.reverse()
    return kept


def _has_new(piece: list[Span]) -> bool:
    return any(span.new < span.end for span in piece)


def _cost(piece: list[Span], messages: Sequence[Message], label: int) -> int:
    return sum(label + estimate_tokens(messages[span.message].text[span.start : span.end]) for span in piece)


def _first_new(piece: list[Span], times: list[datetime]) -> tuple[datetime, int]:
    """When a piece's own text begins, and how many characters of it are its own."""
    own = [span for span in piece if span.new < span.end]
    return times[own[0].message], sum(span.end - span.new for span in own)


def _times(conversation: Conversation, now: datetime) -> list[datetime]:
    """A time for every message: its own, else the last one known before it, else the conversation's."""
    last = conversation.created_at or now
    times: list[datetime] = []
    for message in conversation.messages:
        last = message.created_at or last
        times.append(last)
    return times or [last]
