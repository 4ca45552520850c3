"""Who we are to a web service: nobody, a token that lies in a file, or one that is got by OAuth 2.0 client credentials.

Tokens and secrets are kept in memory only, and shown nowhere. One authorization serves all sessions of a destination.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote_plus, urlencode

from appliance.base import limits
from appliance.base.errors import ConfigError, UpstreamError
from appliance.config.destinations import OAuth
from appliance.delivery.http_answer import Answer
from appliance.delivery.http_connection import HttpConnection
from appliance.host.credentials import read_secret

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")  # what may stand in a header
_ERROR = re.compile(r"[a-z_]{1,40}")  # RFC 6749 5.2
_EARLY = 60.0  # seconds before its end, or half its life, at which a token is renewed


class Authorization(Protocol):
    """Says who we are in the header Authorization. Thread-safe. Raises UpstreamError and ConfigError."""

    def header(self) -> dict[str, str]:
        """The header of the next request."""

    def refused(self, header: dict[str, str]) -> None:
        """A request with this header was answered 401."""


class Nobody:
    """No header: the certificate says who we are, or nobody asks."""

    def header(self) -> dict[str, str]:
        return {}

    def refused(self, header: dict[str, str]) -> None:
        """There is nothing to renew."""


class StaticToken:
    """A bearer token (RFC 6750), read for each request, so that a new one counts at once."""

    def __init__(self, source: str) -> None:
        self._source = source

    def header(self) -> dict[str, str]:
        return _bearer(read_secret(self._source), self._source)

    def refused(self, header: dict[str, str]) -> None:
        """It may have been replaced meanwhile; the next request reads it anew."""


class ClientCredentials:
    """A bearer token from a token endpoint (RFC 6749 4.4), asked for when there is none that will do."""

    def __init__(
        self, entry: OAuth, connect: Callable[[], HttpConnection], now: Callable[[], float] = time.monotonic
    ) -> None:
        """`connect` opens a connection to the token endpoint."""
        self._entry = entry
        self._connect = connect
        self._now = now
        self._lock = threading.Lock()
        self._header: dict[str, str] = {}
        self._renew_at = 0.0

    def header(self) -> dict[str, str]:
        with self._lock:
            if not self._header or self._now() >= self._renew_at:
                self._renew()
            return self._header

    def refused(self, header: dict[str, str]) -> None:
        with self._lock:
            if header == self._header:
                self._header = {}

    def _renew(self) -> None:
        asked = self._now()
        secret = read_secret(self._entry.client_secret)
        form = {"grant_type": "client_credentials", "scope": self._entry.scope, "audience": self._entry.audience}
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        headers = {
            "Authorization": _basic(self._entry.client_id, secret),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        connection = self._connect()
        try:
            answer = connection.request("POST", self._entry.token_url, headers, body)
        finally:
            connection.end()
        document = _json(answer)
        token = document.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or str(document.get("token_type")).lower() != "bearer":
            error = document.get("error")
            word = f", {error}" if isinstance(error, str) and _ERROR.fullmatch(error) else ""
            raise UpstreamError(
                f"the token endpoint gave no bearer token: HTTP {answer.status}{word}",
                fix="Check oauth of the destination.",
            )
        lives = document.get("expires_in")
        life = float(lives) if isinstance(lives, int) and 0 < lives < 1 << 31 else float(limits.TOKEN_LIFE.default)
        self._header = _bearer(token, "the token endpoint")
        self._renew_at = asked + life - min(_EARLY, life / 2)


def _bearer(token: str, source: str) -> dict[str, str]:
    if not _TOKEN.fullmatch(token):
        raise ConfigError(f"what {source} gives is no bearer token", fix="A token is one word of printable ASCII.")
    return {"Authorization": f"Bearer {token}"}


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749 2.3.1: both are form-encoded before they are joined."""
    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def _json(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
