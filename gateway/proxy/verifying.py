"""Opens what checks the tokens of a worker; loads the cryptography library (22 MB) only where a route wants tokens."""

from gateway.core.bearer import Verifier
from gateway.core.routes import RouteTable
from gateway.core.token_rules import TokenRules, words
from gateway.proxy.config import WorkerConfig


def open_verifier(config: WorkerConfig, table: RouteTable) -> Verifier | None:
    """The verifier for the routes of `table`; None if none of them asks for a token. Raises TokenKeysError."""
    if not any(route.jwt for route in (*table.routes, table.unmatched)):
        return None
    from gateway.core.token_keys import parse_jwks, secret_keys
    from gateway.core.token_verifier import TokenVerifier

    rules = TokenRules(
        config.jwt_issuer, config.jwt_audience, frozenset(words(config.jwt_algorithms)), config.jwt_leeway
    )
    keys = secret_keys(words(config.jwt_secrets)) + (parse_jwks(config.token_keys) if config.token_keys else ())
    return TokenVerifier(rules, keys)
