"""The settings by which tokens are checked; a part of gateway.settings. What they mean is in core.token_verifier."""

from typing import TypedDict

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from gateway.core.token_rules import ALGORITHMS, KEY_ALGORITHMS, MAX_SECRETS, MIN_SECRET_BYTES, SECRET_ALGORITHM, words
from gateway.key_source import check_source


class TokenOptions(TypedDict):
    """The fields of WorkerConfig that come from here."""

    jwt_issuer: str
    jwt_audience: str
    jwt_algorithms: str
    jwt_secrets: str
    jwt_leeway: float


class TokenSettings(BaseSettings):
    """Whose tokens are accepted, and where the keys come from."""

    jwt_issuer: str | None = Field(
        default=None,
        pattern=r"^[!-~]{1,512}$",
        description="who must have issued the tokens of routes with jwt = true (`iss`); of Supabase: "
        "https://PROJECT.supabase.co/auth/v1",
    )
    jwt_audience: str | None = Field(
        default=None,
        pattern=r"^[!-~]{1,512}$",
        description="for whom those tokens must be (`aud`); of Supabase: authenticated",
    )
    jwt_algorithms: str = Field(
        default="ES256,RS256,HS256", description="algorithms that are accepted, of those for which there are keys"
    )
    jwt_secrets: SecretStr | None = Field(
        default=None,
        description="shared secrets for HS256 of at least 32 bytes, with commas: the new and the old one while they "
        "are changed",
    )
    jwt_jwks: str | None = Field(
        default=None,
        description="public keys for ES256 and RS256: path or https:// URL of a JSON Web Key Set, followed while it "
        "changes; of Supabase: https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json",
    )
    jwt_jwks_seconds: float = Field(
        default=60.0, ge=1, le=86_400, description="seconds between two looks at a key set's URL"
    )
    jwt_leeway: float = Field(
        default=5.0, ge=0, le=60, description="seconds by which the clock of a token's issuer may differ"
    )

    @field_validator("jwt_algorithms")
    @classmethod
    def _known_algorithms(cls, value: str) -> str:
        if not words(value) or not set(words(value)) <= set(ALGORITHMS):
            raise ValueError(f"must be some of {', '.join(ALGORITHMS)}, with commas")
        return value

    @field_validator("jwt_secrets")
    @classmethod
    def _long_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        found = words(revealed(value))
        if value is not None and (not found or any(len(one.encode()) < MIN_SECRET_BYTES for one in found)):
            raise ValueError(f"each secret must have at least {MIN_SECRET_BYTES} bytes")
        if len(found) > MAX_SECRETS:
            raise ValueError(f"there may be {MAX_SECRETS} secrets at most")
        return value

    @field_validator("jwt_jwks")
    @classmethod
    def _key_set(cls, value: str | None) -> str | None:
        if value is not None:
            check_source(value)
        return value

    def check_tokens(self) -> None:
        """Whether a token could ever be accepted. Raises ValueError."""
        if not self.jwt_issuer or not self.jwt_audience:
            raise ValueError(
                "a route asks for a token, so jwt_issuer (GATEWAY_JWT_ISSUER) and jwt_audience (GATEWAY_JWT_AUDIENCE) "
                "must be set"
            )
        kept = set(words(self.jwt_algorithms))
        by_secret = self.jwt_secrets is not None and SECRET_ALGORITHM in kept
        by_key = self.jwt_jwks is not None and not kept.isdisjoint(KEY_ALGORITHMS)
        if not by_secret and not by_key:
            raise ValueError(
                "a route asks for a token, so jwt_jwks (GATEWAY_JWT_JWKS) or jwt_secrets (GATEWAY_JWT_SECRETS) must be "
                "set, for an algorithm of jwt_algorithms (GATEWAY_JWT_ALGORITHMS)"
            )

    def token_options(self) -> TokenOptions:
        """What the proxy processes need of it."""
        return {
            "jwt_issuer": self.jwt_issuer or "",
            "jwt_audience": self.jwt_audience or "",
            "jwt_algorithms": self.jwt_algorithms,
            "jwt_secrets": revealed(self.jwt_secrets),
            "jwt_leeway": self.jwt_leeway,
        }


def revealed(secret: SecretStr | None) -> str:
    """The secret itself, "" if there is none."""
    return secret.get_secret_value() if secret else ""
