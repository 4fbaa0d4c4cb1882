"""An uploaded file -> its conversations, streamed. The whole of export parsing in one call; see the modules it joins.

container   finds the JSON texts     limits        bounds what is read
documents   yields raw values        branch        picks what the person saw
conversation turns each into text    content       reads one message
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from v2_service.contract import Conversation
from v2_service.processors.errors import ExportEmpty, NoConversations
from v2_service.processors.export.container import find_documents
from v2_service.processors.export.conversation import ConversationReader
from v2_service.processors.export.documents import iter_values
from v2_service.processors.export.drops import DropReason, DropReport
from v2_service.processors.export.limits import ExportLimits

DEFAULT_LIMITS = ExportLimits()


def iter_conversations(path: Path, drops: DropReport, limits: ExportLimits = DEFAULT_LIMITS) -> Iterator[Conversation]:
    """Conversations in file order; blocking and lazy, one in memory at a time. `drops` is filled while reading.

    Raises a kind of `ExportError`, possibly after conversations were yielded (a file may break off at its end), so a
    caller must not make anything visible before the iterator is exhausted. Reading twice gives the same conversations.
    """
    reader = ConversationReader(drops)
    for document in find_documents(path, limits, drops):
        for value in iter_values(document):
            conversation = reader.read(value)
            if conversation is not None:
                yield conversation
    if drops.conversations == 0:
        if drops.dropped[DropReason.NOT_A_CONVERSATION]:
            raise NoConversations("The file is readable, but what it lists are not conversations.")
        raise ExportEmpty
