"""Planted facts: exports whose truth is known, imported by the whole service, and what came of them."""
