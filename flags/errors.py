"""The errors of the flags room. Its counterpart is whoever reads, follows or changes flags.

FlagsError
├── InvalidDocumentError        the flag document cannot be used; carries every problem found
├── SourceUnavailableError      the document could not be read at all (missing, forbidden, unreachable)
├── ChangeRefusedError          a change was asked for that must not be made; nothing was written
│   ├── UnknownFlagError
│   ├── NoPercentageError       the flag has no percentage, or more than one
│   ├── InvalidPercentageError  not a whole number from 0 to 100
│   └── GenerationConflictError somebody else changed the flags first
├── StoreFailedError            the change could not be written; the old state stands
└── EngineUnavailableError      the SDK's engine is not there, so what does not compile is off
"""

from collections.abc import Sequence


class FlagsError(Exception):
    """Anything that goes wrong with flags. `status` is the HTTP status an API answers with."""

    status = 500


class InvalidDocumentError(FlagsError):
    """A flag document that cannot be used. `problems` holds one sentence per problem, in document order."""

    status = 400

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class SourceUnavailableError(FlagsError):
    """The place that flags come from could not be read."""

    status = 503


class ChangeRefusedError(FlagsError):
    """A change that must not be made. Nothing was written."""

    status = 409


class UnknownFlagError(ChangeRefusedError):
    """The document holds no flag of that name."""

    status = 404

    def __init__(self, flag: str, known: Sequence[str]) -> None:
        self.flag = flag
        names = f" (known flags: {', '.join(sorted(known))})" if known else ""
        super().__init__(f"there is no flag {flag!r}{names}")


class NoPercentageError(ChangeRefusedError):
    """The flag has no single percentage that could be set."""


class InvalidPercentageError(ChangeRefusedError):
    """The percentage is not a whole number from 0 to 100."""

    status = 400


class GenerationConflictError(ChangeRefusedError):
    """Compare-and-set failed: the flags changed since the caller looked at them."""

    def __init__(self, expected: int, actual: int) -> None:
        self.expected = expected
        self.actual = actual
        super().__init__(f"the flags are at generation {actual}, not {expected}: somebody changed them; look again")


class StoreFailedError(FlagsError):
    """The change could not be written; the flags are as they were."""

    status = 503


class EngineUnavailableError(FlagsError):
    """The SDK's engine cannot be loaded."""
