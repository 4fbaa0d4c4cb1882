"""Reads a ChatGPT data export: JSON, gzip or zip, whole or sharded, into conversations as the person saw them."""

from v2_service.processors.export.drops import DropReason, DropReport
from v2_service.processors.export.limits import ExportLimits
from v2_service.processors.export.reading import iter_conversations

__all__ = ["DropReason", "DropReport", "ExportLimits", "iter_conversations"]
