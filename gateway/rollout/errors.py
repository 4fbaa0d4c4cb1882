"""The errors of the guard. Counterpart: `rollout plan` and `rollout guard`, which turn them into words and exit codes.

RolloutError
├── InvalidPlanError           the plan cannot be used; carries every problem found
├── StateUnreadableError       the guard's memory is there but cannot be understood
├── EvidenceUnavailableError   the gateways could not be asked, or did not answer like gateways
├── RehearsalOverError         legacy is not alone any more, so there is nothing to rehearse
├── DrillRefusedError          what is to be drilled is no sandbox, or somebody works with it
├── MisplacedCommandError      an approval or hold that does not fit where the rollout stands
├── NoGuardError               no guard has ever acted on these flags
├── UnknownReportError         a report that is not there
├── OrderFailedError           an order could not be written
├── LeaseTakenError            another guard acts on these flags
└── NotConvergedError          a numerical series did not end: counts beyond anything that occurs
"""

from collections.abc import Sequence


class RolloutError(Exception):
    """Anything that goes wrong with a plan or its guard. `status` is the HTTP status an API would answer with."""

    status = 500


class InvalidPlanError(RolloutError):
    """A plan that cannot be used. `problems` holds one sentence per problem, in the order of the file."""

    status = 400

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class StateUnreadableError(RolloutError):
    """The guard's memory cannot be understood. It is never overwritten: it holds what was approved and counted."""

    status = 503


class EvidenceUnavailableError(RolloutError):
    """No evidence could be read just now."""

    status = 503


class RehearsalOverError(RolloutError):
    """Somebody is on v2: legacy cannot be compared with itself."""

    status = 409


class DrillRefusedError(RolloutError):
    """There is no drill here; nothing was changed, or all of it was changed back."""

    status = 409


class MisplacedCommandError(RolloutError):
    """A command that does not fit where the rollout stands; nothing was changed."""

    status = 409


class NoGuardError(RolloutError):
    """No guard has ever acted on these flags."""

    status = 409


class UnknownReportError(RolloutError):
    """A report that is not there."""

    status = 404


class OrderFailedError(RolloutError):
    """An order could not be written; nothing was changed."""

    status = 503


class LeaseTakenError(RolloutError):
    """Another guard acts on these flags."""

    status = 409


class NotConvergedError(RolloutError):
    """The incomplete beta function did not converge."""

    def __init__(self, a: float, b: float, x: float) -> None:
        super().__init__(f"the incomplete beta function did not converge at a={a:g}, b={b:g}, x={x:g}")
