"""Who may use the ops port: holders of the token, or only this machine, and never another site's page."""

import pytest

from gateway.ops.access import OpsAccess, is_loopback
from gateway.ops.errors import ForbiddenOriginError, NotAuthorisedError, OpsAccessError

HERE = "127.0.0.1:9090"


def check(
    access: OpsAccess,
    *,
    authorization: str | None = None,
    host: str | None = HERE,
    origin: str | None = None,
    fetch_site: str | None = None,
) -> None:
    access.check(authorization=authorization, host=host, origin=origin, fetch_site=fetch_site)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LocalHost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    check(OpsAccess(host))


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "gateway", "localhost.example.org", "", "127.0.0.1.nip.io"]
)
@pytest.mark.parametrize("token", [None, ""])
def test_elsewhere_it_refuses_to_start_without_a_token(host: str, token: str | None) -> None:
    assert not is_loopback(host)
    with pytest.raises(OpsAccessError, match="needs a token"):
        OpsAccess(host, token)


@pytest.mark.parametrize("authorization", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret"])
def test_the_token_opens(authorization: str) -> None:
    check(OpsAccess("0.0.0.0", "s3cret"), authorization=authorization, host="gateway.internal")


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer s3cretx", "s3cret", "Basic s3cret", "Bearer é"],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_anything_else_does_not(host: str, authorization: str | None) -> None:
    with pytest.raises(NotAuthorisedError):
        check(OpsAccess(host, "s3cret"), authorization=authorization)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9090", "", None, "127.0.0.1.nip.io:9090", "10.0.0.1"])
def test_without_a_token_a_name_that_was_pointed_here_is_refused(host: str | None) -> None:
    with pytest.raises(ForbiddenOriginError):
        check(OpsAccess("127.0.0.1"), host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9090", "[::1]:9090"])
def test_without_a_token_loopback_names_are_fine(host: str) -> None:
    check(OpsAccess("127.0.0.1"), host=host)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8080", "http://localhost:9090"])
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    with pytest.raises(ForbiddenOriginError):
        check(OpsAccess("127.0.0.1"), origin=origin)


def test_the_ops_ports_own_page_is_welcome() -> None:
    check(OpsAccess("127.0.0.1"), origin=f"http://{HERE}", fetch_site="same-origin")
    check(OpsAccess("127.0.0.1"), fetch_site="none")


@pytest.mark.parametrize("fetch_site", ["cross-site", "same-site", "anything"])
def test_browsers_that_say_where_from_are_believed(fetch_site: str) -> None:
    with pytest.raises(ForbiddenOriginError):
        check(OpsAccess("0.0.0.0", "s3cret"), authorization="Bearer s3cret", fetch_site=fetch_site)
