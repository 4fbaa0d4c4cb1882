"""The harness's errors.

BenchError
├── PeerUnavailable   a proxy or tool is not installed; it is left out, loudly
├── PeerFailed        a proxy did not start
└── Unmeasured        a measurement gave no figure that may be used
"""


class BenchError(Exception):
    """The root; its text is a reason a person can read."""


class PeerUnavailable(BenchError):
    """A proxy or tool is not installed."""


class PeerFailed(BenchError):
    """A proxy did not start, or ended on its own."""


class Unmeasured(BenchError):
    """A measurement failed: wrong answers, broken connections, a rate that was not reached."""
