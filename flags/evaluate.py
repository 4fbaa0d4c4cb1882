"""Ask one compiled feature about one user. Pure; the counterpart is Unleash's `is_enabled` with `{"userId": ...}`."""

from flags.bucketing import bucket
from flags.model import CompiledFeature, Evaluation, Kind, Rule

# Looking a member up in its enum costs as much as the hash; these are asked for on each request.
_ROLLOUT, _EVERYBODY = Kind.ROLLOUT, Kind.EVERYBODY
_ROLLOUT_IN, _ROLLOUT_OUT = Rule.ROLLOUT_IN, Rule.ROLLOUT_OUT
# A named tuple's own constructor is a Python function: twice the price of the tuple.
_new = tuple.__new__


def evaluate(feature: CompiledFeature, user_id: str) -> Evaluation:
    """Whether the feature is on for this user id, and why.

    The id is used exactly as it is: no trimming, no case folding, and "" is hashed like any other (callers that do not
    want that keep it out; see `gateway.core.decide`). Raises UnicodeEncodeError for an id with a lone surrogate.
    """
    lead = feature.lead
    if lead is None:
        lead_bucket = lead_percentage = None
    else:
        lead_bucket, lead_percentage = bucket(lead.group_id, user_id), lead.percentage
    if not feature.enabled:
        return Evaluation(False, Rule.DISABLED, lead_bucket, lead_percentage)
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
                return _new(Evaluation, (True, _ROLLOUT_IN, own, strategy.percentage))
        elif strategy.kind is _EVERYBODY:
            return Evaluation(True, Rule.EVERYBODY, lead_bucket, lead_percentage)
        elif user_id in strategy.users:
            return Evaluation(True, Rule.USER_LIST, lead_bucket, lead_percentage)
    if denied:
        return Evaluation(False, Rule.DENIED, lead_bucket, lead_percentage)
    rule = Rule.NO_STRATEGY if lead is None else _ROLLOUT_OUT
    return _new(Evaluation, (False, rule, lead_bucket, lead_percentage))


def _ask_engine(feature: CompiledFeature, user_id: str, lead_bucket: int | None, percentage: int | None) -> Evaluation:
    if feature.engine is None:
        return Evaluation(False, Rule.NO_ENGINE, lead_bucket, percentage)
    enabled = feature.engine(user_id)
    return Evaluation(enabled, Rule.ENGINE_ON if enabled else Rule.ENGINE_OFF, lead_bucket, percentage)
