"""The pure half of the v2 pipeline: text in, text and decisions out. No HTTP, environment or clock; see jobs/.

export -> conversation_chunker -> fact_extractor -> consolidate -> reduce -> memory_generator -> v2_regenerator
   └──-> sampling -> quick_pass ------------------------------------------------> soulprint <-----┘
full_pass holds the order and the proof; errors the faults of an upload.
"""

from v2_service.processors.consolidate import consolidate
from v2_service.processors.conversation_chunker import ChunkingSettings, ConversationChunker, chunk_conversations
from v2_service.processors.errors import (
    ExportDamaged,
    ExportEmpty,
    ExportEncrypted,
    ExportError,
    ExportNotJson,
    ExportTooLarge,
    NoConversations,
    ProcessingError,
)
from v2_service.processors.export import DropReason, DropReport, ExportLimits, iter_conversations
from v2_service.processors.extraction_units import extraction_units
from v2_service.processors.fact_extractor import extraction_request, facts_from_reply, parse_facts, smaller_chunks
from v2_service.processors.facts import Category, Fact, Facts, FactSource, join_facts
from v2_service.processors.full_pass import (
    Evidence,
    FullPassSettings,
    RunOutcome,
    Step,
    Verdict,
    characters_read,
    label_of,
    next_step,
    plan_steps,
    progress_after,
    progress_within,
    prove,
    wants_full_pass,
)
from v2_service.processors.memory_generator import (
    Memory,
    empty_memory,
    fallback_memory,
    memory_from_reply,
    memory_request,
)
from v2_service.processors.quick_pass import QUICK_SAMPLING, quick_pass_request, sections_from_reply
from v2_service.processors.reduce import (
    Batch,
    Reduced,
    Reduction,
    ReductionSettings,
    accept_reduction,
    combine_round,
    cut_to_budget,
    plan_round,
    reduction_request,
)
from v2_service.processors.sampling import ConversationSampler, Sample, SamplingSettings, sample_conversations
from v2_service.processors.sections import Sections, SectionsAnswer, read_sections
from v2_service.processors.soulprint import legacy_profile, memory_log, soulprint_text
from v2_service.processors.tokens import estimate_tokens
from v2_service.processors.v2_regenerator import (
    REGENERATION_SAMPLING,
    better_answer,
    regeneration_request,
    repair_request,
    worth_replacing,
)

__all__ = [
    "QUICK_SAMPLING",
    "REGENERATION_SAMPLING",
    "Batch",
    "Category",
    "ChunkingSettings",
    "ConversationChunker",
    "ConversationSampler",
    "DropReason",
    "DropReport",
    "Evidence",
    "ExportDamaged",
    "ExportEmpty",
    "ExportEncrypted",
    "ExportError",
    "ExportLimits",
    "ExportNotJson",
    "ExportTooLarge",
    "Fact",
    "FactSource",
    "Facts",
    "FullPassSettings",
    "Memory",
    "NoConversations",
    "ProcessingError",
    "Reduced",
    "Reduction",
    "ReductionSettings",
    "RunOutcome",
    "Sample",
    "SamplingSettings",
    "Sections",
    "SectionsAnswer",
    "Step",
    "Verdict",
    "accept_reduction",
    "better_answer",
    "characters_read",
    "chunk_conversations",
    "combine_round",
    "consolidate",
    "cut_to_budget",
    "empty_memory",
    "estimate_tokens",
    "extraction_request",
    "extraction_units",
    "facts_from_reply",
    "fallback_memory",
    "iter_conversations",
    "join_facts",
    "label_of",
    "legacy_profile",
    "memory_from_reply",
    "memory_log",
    "memory_request",
    "next_step",
    "parse_facts",
    "plan_round",
    "plan_steps",
    "progress_after",
    "progress_within",
    "prove",
    "quick_pass_request",
    "read_sections",
    "reduction_request",
    "regeneration_request",
    "repair_request",
    "sample_conversations",
    "sections_from_reply",
    "smaller_chunks",
    "soulprint_text",
    "wants_full_pass",
    "worth_replacing",
]
