"""The errors of observation. None of them reaches a client: the caller's answer never depends on the evidence.

ObserveError
├── EvidenceUnusable     the folder or file of the evidence cannot be used
└── SourceFailed         the database of the pipelines did not do its part
    ├── SourceUnavailable    it cannot be reached, or is overloaded: ask again later
    └── SourceRefused        it refuses the question: asking again is of no use until somebody changes something
"""


class ObserveError(Exception):
    """Anything that goes wrong while looking on. The message is for operators and holds no secret."""


class EvidenceUnusable(ObserveError):
    """The folder or file of the evidence cannot be used."""


class SourceFailed(ObserveError):
    """The database of the pipelines did not do its part."""


class SourceUnavailable(SourceFailed):
    """It cannot be reached, or is overloaded."""


class SourceRefused(SourceFailed):
    """It refuses the question."""
