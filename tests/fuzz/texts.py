"""Targets in text: the configuration, and the token that a peer shows as its user identity."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from appliance.host.web_token import Expected, TokenRefused, load_token_keys, verify_token
from tests.config.files import VALID
from tests.fuzz.target import Target
from tests.host import tokens

NOW = 1500.0  # between nbf and exp of `tokens.CLAIMS`
SIGNER, OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32))), derive_private_key(104, SECP256R1())
KEYS = load_token_keys(tokens.public(SIGNER) + tokens.public(OTHER))
EXPECTED = Expected("https://idp.example", "EDGE01", ("ct-2",))
TOKEN = tokens.token(SIGNER)


def configuration(data: bytes) -> None:
    """A configuration file gives a configuration, or ConfigErrors with a sentence for each mistake."""
    try:
        parse_config(data)
    except ConfigErrors as error:
        assert str(error)


def web_token(data: bytes) -> None:
    """No token holds but the one that was signed, and nothing but TokenRefused is raised."""
    try:
        verify_token(data, KEYS, EXPECTED, NOW)
    except TokenRefused:
        return
    assert data == TOKEN


def token_claims(data: bytes) -> None:
    """Signed claims of any form hold only when issuer, audience, subject and an end stand in them, and nothing but
    TokenRefused is raised, whose words are none of the token's."""
    try:
        verify_token(tokens.token(SIGNER, data), KEYS, EXPECTED, NOW)
    except TokenRefused as refused:
        assert len(str(refused)) < 100
        return
    assert all(name in data for name in (b"exp", b"iss", b"aud", b"sub"))


def token_header(data: bytes) -> None:
    """A signed token with any header holds only if the header names the algorithm of the key that signed it."""
    signed = tokens.b64(data) + TOKEN[TOKEN.index(b".") : TOKEN.rindex(b".")]
    try:
        verify_token(signed + b"." + tokens.b64(SIGNER.sign(signed)), KEYS, EXPECTED, NOW)
    except TokenRefused:
        return
    assert b"alg" in data and b"crit" not in data


TARGETS = (
    Target(configuration, (VALID.encode(), b"[appliance]\nae_title = 'A'\n[vault]\nrecipients = ['age1x']\n")),
    Target(web_token, (TOKEN, tokens.token(OTHER, {"exp": 1}), tokens.token(SIGNER, alg="none"))),
    Target(
        token_claims,
        (
            b'{"iss":"https://idp.example","aud":["a","EDGE01"],"sub":"ct-2","exp":2000}',
            b'{"exp":1e999,"nbf":true,"aud":{"EDGE01":1},"sub":null,"iss":[[[]]]}',
        ),
    ),
    Target(token_header, (b'{"alg":"EdDSA","typ":"JWT"}', b'{"alg":"ES256","crit":["b64"]}')),
)
