"""Tokens by client credentials, from a real token endpoint over TLS."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from appliance.base.errors import ConfigError, UpstreamError
from appliance.config.destinations import OAuth
from appliance.delivery.authorization import ClientCredentials, Nobody
from appliance.delivery.http_connection import HttpConnection
from appliance.delivery.outcome import Verdict
from appliance.host import tls
from tests.delivery.http_peer import HttpPeer, Reply, Request
from tests.delivery.test_stow import SHORT, destination, session, store, takes_all
from tests.delivery.upstream import Authority
from tests.delivery.vaults import State

JSON = {"Content-Type": "application/json"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """A token endpoint that gives "token-1", "token-2" and so on."""

    def __init__(self) -> None:
        self.count = 0
        self.lives: object = 600
        self.reply: Reply | None = None

    def __call__(self, request: Request) -> Reply:
        self.count += 1
        document = {"access_token": f"token-{self.count}", "token_type": "Bearer", "expires_in": self.lives}
        return self.reply or Reply(200, json.dumps(document).encode(), JSON)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def endpoint(authority: Authority, issuer: Issuer) -> Iterator[HttpPeer]:
    with HttpPeer(issuer, authority.issue("issuer")) as peer:
        yield peer


@pytest.fixture
def entry(endpoint: HttpPeer, tmp_path: Path) -> OAuth:
    secret = tmp_path / "secret"
    secret.write_text("s:e c%ret\n")
    secret.chmod(0o400)
    return OAuth.model_validate(
        {
            "token_url": f"https://localhost:{endpoint.port}/token",
            "client_id": "edge 01",
            "client_secret": f"file:{secret}",
            "scope": "dicom.write dicom.read",
        }
    )


Make = Callable[[Clock], ClientCredentials]


@pytest.fixture
def make(entry: OAuth, authority: Authority) -> Make:
    def connect() -> HttpConnection:
        return HttpConnection(entry.token_url, lambda: tls.client_context(authority.certificate), None, SHORT)

    return lambda clock: ClientCredentials(entry, connect, clock)


def test_the_request_is_that_of_rfc_6749(make: Make, endpoint: HttpPeer) -> None:
    assert make(Clock()).header() == {"Authorization": "Bearer token-1"}
    (request,) = endpoint.requests
    assert (request.method, request.path) == ("POST", "/token")
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["dicom.write dicom.read"],
    }
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"edge+01:s%3Ae+c%25ret"


def test_a_token_serves_until_shortly_before_its_end(make: Make, issuer: Issuer) -> None:
    clock = Clock()
    credentials = make(clock)
    for later, token in ((0, 1), (539, 1), (541, 2), (1080, 2), (1082, 3)):
        clock.now = 1000.0 + later
        assert credentials.header() == {"Authorization": f"Bearer token-{token}"}
    issuer.lives = 10  # renewed at half of it
    clock.now += 1000
    assert credentials.header()["Authorization"].endswith("4")
    clock.now += 6
    assert credentials.header()["Authorization"].endswith("5")


@pytest.mark.parametrize("lives", [None, -5, "600", 1e400])
def test_a_token_of_unknown_life_serves_five_minutes(make: Make, issuer: Issuer, lives: object) -> None:
    issuer.lives, clock = lives, Clock()
    credentials = make(clock)
    for later, token in ((0, 1), (239, 1), (241, 2)):
        clock.now = 1000.0 + later
        assert credentials.header() == {"Authorization": f"Bearer token-{token}"}


def test_a_token_that_was_refused_is_not_used_again(make: Make) -> None:
    credentials = make(Clock())
    first = credentials.header()
    credentials.refused(first)
    second = credentials.header()
    assert second != first
    credentials.refused(first)  # somebody else's news, and old
    assert credentials.header() == second


def test_many_sessions_ask_for_one_token(make: Make, issuer: Issuer) -> None:
    credentials = make(Clock())
    threads = [threading.Thread(target=credentials.header) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert issuer.count == 1


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(401, b'{"error": "invalid_client"}', JSON), "HTTP 401, invalid_client"),
        (Reply(400, b'{"error": "<b>\\n"}', JSON), "HTTP 400$"),
        (Reply(200, b"<html>", {}), "HTTP 200"),
        (Reply(200, b"[]", JSON), "HTTP 200"),
        (Reply(200, b'{"access_token": 5, "token_type": "bearer"}', JSON), "HTTP 200"),
        (Reply(200, b'{"access_token": "x", "token_type": "mac"}', JSON), "HTTP 200"),
        (Reply(302, b"", {"Location": "https://elsewhere.example"}), "HTTP 302"),
    ],
)
def test_an_endpoint_that_gives_none_fails_the_destination(
    make: Make, issuer: Issuer, reply: Reply, words: str
) -> None:
    issuer.reply = reply
    with pytest.raises(UpstreamError) as caught:
        make(Clock()).header()
    assert caught.value.message.endswith(words.rstrip("$"))


def test_a_token_that_would_break_the_header_is_refused(make: Make, issuer: Issuer) -> None:
    issuer.reply = Reply(200, b'{"access_token": "x\\r\\nHost: y", "token_type": "bearer"}', JSON)
    with pytest.raises(ConfigError, match="no bearer token"):
        make(Clock()).header()


def test_a_service_that_no_longer_takes_a_token_gets_a_new_one(
    tmp_path: Path, entry: OAuth, authority: Authority, issuer: Issuer
) -> None:
    state = State(tmp_path / "state")

    def demanding(request: Request) -> Reply:
        return takes_all(request) if request.headers["authorization"] == "Bearer token-2" else Reply(401)

    with HttpPeer(demanding, authority.issue("pacs")) as peer:
        wanted = destination(peer.url, ca=authority.certificate, oauth=entry.model_dump(exclude_none=True))
        with session(wanted) as opened:
            outcomes = [store(opened, state, state.put()).verdict for _ in range(3)]
    assert outcomes == [Verdict.BUSY, Verdict.DONE, Verdict.DONE]
    assert issuer.count == 2


def test_nobody_shows_nothing() -> None:
    assert Nobody().header() == {}
