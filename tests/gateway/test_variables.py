"""Names of variables that nobody knows are named, with what was probably meant."""

import pytest

from gateway.variables import unknown

KNOWN = ("GATEWAY_LISTEN", "GATEWAY_LEGACY", "GATEWAY_V2", "GATEWAY_WORKERS")


def test_a_typing_error_is_named_with_what_was_meant() -> None:
    assert unknown({"GATEWAY_LEGCY": "x", "GATEWAY_WORKER": "2"}, KNOWN) == [
        "GATEWAY_LEGCY: did you mean GATEWAY_LEGACY?",
        "GATEWAY_WORKER: did you mean GATEWAY_WORKERS?",
    ]


def test_a_name_like_no_other_has_no_suggestion() -> None:
    assert unknown({"GATEWAY_COLOUR_OF_THE_SKY": "blue"}, KNOWN) == [
        "GATEWAY_COLOUR_OF_THE_SKY: there is no such setting"
    ]


def test_known_names_in_any_case_and_other_peoples_names_are_nobodys_problem() -> None:
    assert unknown({"gateway_v2": "x", "GATEWAY_V2": "x", "PATH": "x", "API_GATEWAY_URL": "x"}, KNOWN) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_SERVICE_HOST", "10.0.0.1"),
        ("GATEWAY_SERVICE_PORT", "80"),
        ("GATEWAY_SERVICE_PORT_HTTP", "80"),
        ("GATEWAY_PORT", "tcp://10.0.0.1:80"),
        ("GATEWAY_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("GATEWAY_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("GATEWAY_OPS_SERVICE_HOST", "10.0.0.1"),
    ],
)
def test_what_kubernetes_sets_for_a_service_of_that_name_is_no_problem(name: str, value: str) -> None:
    assert unknown({name: value}, KNOWN) == []


def test_a_port_that_somebody_typed_is_one() -> None:
    assert unknown({"GATEWAY_PORT": "8080"}, KNOWN) == ["GATEWAY_PORT: there is no such setting"]
