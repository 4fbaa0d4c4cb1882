"""Whether a flag's pins are suspended: a parameter `pins` of its percentage strategy, so that Unleash stores it too.

Pins keep the users of running v2 jobs on v2 (`gateway.core.pins`); a hard rollback writes this beside the 0 % so that
all workers and replicas agree. SDKs ignore a parameter that they do not know. Counterparts: `compile`, stores.
"""

from flags.document import Json

PARAMETER = "pins"
SUSPENDED = "suspended"


def read_suspended(strategies: object) -> bool:
    """Whether any of these strategies says that pins are suspended."""
    for strategy in strategies if isinstance(strategies, list) else ():
        parameters = strategy.get("parameters") if isinstance(strategy, dict) else None
        if isinstance(parameters, dict) and parameters.get(PARAMETER) == SUSPENDED:
            return True
    return False


def write_suspended(parameters: dict[str, str] | Json, percentage: int, suspend: bool | None) -> None:
    """Say it in the parameters of the strategy that now has this percentage (0 to 100).

    None leaves it as it is at 0 %, and ends it above: who lets users onto v2 again wants them to stay there.
    """
    if suspend:
        parameters[PARAMETER] = SUSPENDED
    elif percentage or suspend is not None:
        parameters.pop(PARAMETER, None)
