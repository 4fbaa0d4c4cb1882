"""Ask one compiled feature about one user. Pure; the counterpart is Unleash's `is_enabled` with `{"userId": ...}`."""

from flags.bucketing import bucket
from flags.model import CompiledFeature, Evaluation, Kind, Rule

# Looking a member up in its enum costs as much as the hash; these are asked for on each request.
_ROLLOUT, _EVERYBODY = Kind.ROLLOUT, Kind.EVERYBODY
_ROLLOUT_IN, _ROLLOUT_OUT = Rule.ROLLOUT_IN, Rule.ROLLOUT_OUT

Settled = tuple[bool, Rule, int | None, int | None]
"""The fields of an Evaluation."""


def evaluate(feature: CompiledFeature, user_id: str) -> Evaluation:
    """Whether the feature is on for this user id, and why.

    The id is used exactly as it is: no trimming, no case folding, and "" is hashed like any other (callers that do not
    want that keep it out; see `gateway.core.decide`). Raises UnicodeEncodeError for an id with a lone surrogate.
    """
    return Evaluation(*settle(feature, user_id))


def settle(feature: CompiledFeature, user_id: str) -> Settled:
    """What `evaluate` says, for whoever takes it apart at once: a named tuple costs more to make and to unpack."""
    lead = feature.lead
    if lead is None:
        lead_bucket = lead_percentage = None
    else:
        lead_bucket, lead_percentage = bucket(lead.group_id, user_id), lead.percentage
        if feature.plain:
            on = lead_bucket <= lead_percentage
            return on, _ROLLOUT_IN if on else _ROLLOUT_OUT, lead_bucket, lead_percentage
    if not feature.enabled:
        return False, Rule.DISABLED, lead_bucket, lead_percentage
    if feature.uncompiled:
        return _ask_engine(feature, user_id, lead_bucket, lead_percentage)
    denied = False
    for strategy in feature.strategies:
        if strategy.never and user_id in strategy.never:
            denied = True
        elif strategy.only is not None and user_id not in strategy.only:
            continue
        elif strategy.kind is _ROLLOUT:
            own = lead_bucket if strategy is lead else bucket(strategy.group_id, user_id)
            if own is not None and own <= strategy.percentage:
                return True, _ROLLOUT_IN, own, strategy.percentage
        elif strategy.kind is _EVERYBODY:
            return True, Rule.EVERYBODY, lead_bucket, lead_percentage
        elif user_id in strategy.users:
            return True, Rule.USER_LIST, lead_bucket, lead_percentage
    if denied:
        return False, Rule.DENIED, lead_bucket, lead_percentage
    return False, Rule.NO_STRATEGY if lead is None else _ROLLOUT_OUT, lead_bucket, lead_percentage


def _ask_engine(feature: CompiledFeature, user_id: str, lead_bucket: int | None, percentage: int | None) -> Settled:
    if feature.engine is None:
        return False, Rule.NO_ENGINE, lead_bucket, percentage
    enabled = feature.engine(user_id)
    return enabled, Rule.ENGINE_ON if enabled else Rule.ENGINE_OFF, lead_bucket, percentage
