"""What flags look like once compiled: thresholds and sets, frozen, swapped in whole. Counterpart: `flags.compile`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple


class Kind(Enum):
    """What a compiled strategy asks."""

    EVERYBODY = "everybody"
    USERS = "users"
    ROLLOUT = "rollout"


class Rule(StrEnum):
    """Which rule settled an evaluation."""

    DISABLED = "disabled"
    EVERYBODY = "everybody"
    USER_LIST = "user-list"
    DENIED = "denied"
    ROLLOUT_IN = "rollout-in"
    ROLLOUT_OUT = "rollout-out"
    NO_STRATEGY = "no-strategy"
    ENGINE_ON = "engine-on"
    ENGINE_OFF = "engine-off"
    NO_ENGINE = "no-engine"


@dataclass(frozen=True, slots=True)
class Strategy:
    """One strategy of a feature; strategies are OR-ed, `only` and `never` are AND-ed inside one.

    `users` belongs to USERS, `group_id` and `percentage` (0 to 100) to ROLLOUT. `only` is None when everybody may pass.
    """

    kind: Kind
    users: frozenset[str] = frozenset()
    group_id: str = ""
    percentage: int = 0
    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()

    @property
    def constrained(self) -> bool:
        """Whether a user id can be kept out before the strategy itself is asked."""
        return self.only is not None or bool(self.never)


@dataclass(frozen=True, slots=True)
class CompiledFeature:
    """One feature, ready to be evaluated.

    `lead` is the rollout whose bucket and percentage are reported, also when something else settles the question.
    `uncompiled` says why the SDK's engine has to be asked instead; `engine` asks it (user id in, on or off out) and is
    None if the feature compiled or if there is no engine. `stage` is what a strategy's variant `stage` carries;
    `gateway.core.stages` knows what it means. `pins_suspended`: running v2 jobs keep nobody on v2.
    """

    name: str
    enabled: bool
    strategies: tuple[Strategy, ...] = ()
    lead: Strategy | None = None
    uncompiled: tuple[str, ...] = ()
    engine: Callable[[str], bool] | None = None
    stage: str | None = None
    pins_suspended: bool = False
    plain: bool = field(init=False, default=False)
    """Whether the lead rollout settles the question for everybody: the usual case, and asked on each request."""

    def __post_init__(self) -> None:
        alone = self.lead is not None and self.strategies == (self.lead,) and not self.lead.constrained
        object.__setattr__(self, "plain", alone and self.enabled and not self.uncompiled)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All flags at one moment.

    `generation` grows with every change (0 if the document has none). `source` says where the document came from;
    `digest` is the SHA-256 of its bytes, in hex; `warnings` are sentences about what is legal but probably not meant.
    """

    generation: int
    features: Mapping[str, CompiledFeature]
    source: str
    digest: str
    warnings: tuple[str, ...] = ()


class Evaluation(NamedTuple):
    """The answer for one user.

    `bucket` (1 to 100) and `percentage` belong to the rollout that settled it, else to the feature's lead rollout.
    """

    enabled: bool
    rule: Rule
    bucket: int | None
    percentage: int | None
