"""Tokens that hold, and each way in which one may not."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.base.errors import CryptoError
from appliance.host.web_token import Expected, TokenRefused, load_token_keys, verify_token
from tests.host.tokens import CLAIMS, b64, public, token

RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
ALL = load_token_keys(public(RSA) + public(P256) + b"junk\n" + public(ED))
EXPECTED = Expected("https://idp.example", "EDGE01")


@pytest.mark.parametrize("key", [RSA, P256, ED], ids=["RS256", "ES256", "EdDSA"])
def test_a_token_that_holds(key: Any) -> None:
    verify_token(token(key), ALL, EXPECTED, 1500)
    verify_token(token(key), load_token_keys(public(key)), Expected(*_fields(), ("ct-1", "ct-2")), 1500)
    verify_token(token(key, {**CLAIMS, "aud": ["OTHER", "EDGE01"]}), ALL, EXPECTED, 1500)


def _fields() -> tuple[str, str]:
    return EXPECTED.issuer, EXPECTED.audience


@pytest.mark.parametrize(
    ("changes", "now", "why"),
    [
        ({}, 2061, "expired"),
        ({}, 939, "not valid yet"),
        ({"exp": None}, 1500, "never expires"),
        ({"exp": "2000"}, 1500, "exp of the token is no time"),
        ({"exp": True}, 0, "exp of the token is no time"),
        ({"nbf": [1]}, 1500, "nbf of the token is no time"),
        ({"iss": "https://other.example"}, 1500, "another issuer"),
        ({"iss": None}, 1500, "another issuer"),
        ({"aud": "EDGE02"}, 1500, "another audience"),
        ({"aud": ["EDGE02"]}, 1500, "another audience"),
        ({"aud": "EDGE01x"}, 1500, "another audience"),
        ({"aud": None}, 1500, "another audience"),
        ({"sub": "mr-1"}, 1500, "somebody who is not"),
        ({"sub": None}, 1500, "somebody who is not"),
    ],
)
def test_claims_that_do_not_hold(changes: dict[str, Any], now: float, why: str) -> None:
    expected = Expected(*_fields(), ("ct-2",) if "sub" in changes else ())
    with pytest.raises(TokenRefused, match=why):
        verify_token(token(P256, {**CLAIMS, **changes}), ALL, expected, now)


def test_a_minute_between_clocks_is_let_pass() -> None:
    verify_token(token(ED), ALL, EXPECTED, 2059)
    verify_token(token(ED), ALL, EXPECTED, 941)


def test_the_key_decides_the_algorithm() -> None:
    content = b64(b'{"alg":"none"}') + b"." + b64(json.dumps(CLAIMS).encode())
    with pytest.raises(TokenRefused, match="no key"):
        verify_token(content + b".", ALL, EXPECTED, 1500)
    # RFC 8725 2.1: HMAC with the public key as its secret.
    content = b64(b'{"alg":"HS256"}') + b"." + b64(json.dumps(CLAIMS).encode())
    forged = content + b"." + b64(hmac.digest(public(RSA), content, hashlib.sha256))
    with pytest.raises(TokenRefused, match="no key"):
        verify_token(forged, ALL, EXPECTED, 1500)
    with pytest.raises(TokenRefused, match="no key"):
        verify_token(token(RSA), load_token_keys(public(P256)), EXPECTED, 1500)
    with pytest.raises(TokenRefused, match="not signed with a key"):
        verify_token(token(P256, alg="RS256"), ALL, EXPECTED, 1500)


def test_what_was_changed_or_signed_by_others_is_refused() -> None:
    stranger = token(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(TokenRefused, match="not signed with a key"):
        verify_token(stranger, ALL, EXPECTED, 1500)
    header, _, signature = token(P256).split(b".")
    longer = b64(json.dumps({**CLAIMS, "exp": 9999}).encode())
    with pytest.raises(TokenRefused, match="not signed with a key"):
        verify_token(b".".join((header, longer, signature)), ALL, EXPECTED, 1500)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"a.b",
        b"..",
        token(P256) + b"=",
        token(P256) + b".",
        b"A" * 20000,
        token(P256, b"[" * 5000),
        token(P256, b'{"exp":2000,"exp":9999}'),
        token(P256, b'{"exp":NaN}'),
        token(P256, b"[1]"),
        token(P256, b"\xff"),
        token(P256, b'{"exp":1e999}'),
        token(P256, crit=["exp"]),
    ],
)
def test_what_is_malformed_is_refused(bad: bytes) -> None:
    with pytest.raises(TokenRefused):
        verify_token(bad, ALL, EXPECTED, 1500)


@settings(max_examples=200)
@given(
    st.one_of(st.binary(max_size=300), st.lists(st.binary(max_size=60).map(b64), min_size=3, max_size=3).map(b".".join))
)
def test_any_bytes_are_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(TokenRefused):
        verify_token(data, ALL, EXPECTED, 1500)


def test_keys_that_are_not_taken() -> None:
    for weak in (
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP384R1()),
        dsa.generate_private_key(1024),
    ):
        with pytest.raises(CryptoError, match="of no use"):
            load_token_keys(public(weak))
    with pytest.raises(CryptoError, match="no public key"):
        load_token_keys(b"")
    with pytest.raises(CryptoError, match="malformed"):
        load_token_keys(public(P256).replace(b"MFkw", b"AAAA"))
