"""What can keep the sandbox from starting.

SandboxError
├── ClusterError        PostgreSQL did not start
├── MigrationError      a schema or migration file was refused
└── NotReadyError       a sandbox started as a child process never said that it is ready
"""

from __future__ import annotations


class SandboxError(Exception):
    """Root of this room's errors; the text is a sentence for the person at the terminal."""


class ClusterError(SandboxError):
    """PostgreSQL did not start."""


class MigrationError(SandboxError):
    """A schema or migration file was refused."""


class NotReadyError(SandboxError):
    """A sandbox started as a child process never said that it is ready."""
