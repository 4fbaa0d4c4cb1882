"""The description of the service holds for whatever is sent: what fits it and what breaks it, to every operation."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.v2_service.running import RunningService
from tests.v2_service.stubs import settings as service_settings
from v2_service.app import create_app

EXAMPLES = 8
schema = schemathesis.openapi.from_dict(
    create_app(service_settings()).openapi(),
    config=schemathesis.Config.from_dict({"generation": {"mode": "all"}}),
)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_the_service_or_its_description(case: schemathesis.Case, service: RunningService) -> None:
    # What has the right form may still mean nothing: a cursor of nowhere, a path outside the user's folder.
    case.call_and_validate(base_url=service.url, excluded_checks=[positive_data_acceptance])
