"""`appliance echo` against real services of each kind: what each step says, and its hint where something is wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification

from appliance.config.destinations import DimseDestination, ObjectStoreDestination, StowDestination
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.probe import Probe, Step
from appliance.delivery.probe_kinds import echo
from tests.delivery.http_peer import HttpPeer, Reply
from tests.delivery.s3_peer import BUCKET, KEY, MISSING, s3
from tests.delivery.upstream import Authority, Pair, StoreScp, free_port, tcp_to_localhost, tls_options

WAITS = Deadlines(connect=5, handshake=5, association=5, write=5, message=5, response=5, release=1)
SHORT = Deadlines(connect=1, handshake=1, association=1, write=1, message=1, response=1, release=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def ours(authority: Authority) -> Pair:
    return authority.issue("edge")


def dimse(port: int, authority: Authority | None = None, ours: Pair | None = None, **more: Any) -> DimseDestination:
    entry: dict[str, Any] = {"name": "pacs", "kind": "dimse", "address": f"localhost:{port}", "ae_title": "PACS"}
    entry |= {"ca": str(authority.certificate)} if authority else {"tls": "never"}
    if ours:
        entry |= {"certificate": str(ours.certificate), "key": str(ours.key)}
    return DimseDestination.model_validate(entry | more)


def ends(probe: Probe) -> tuple[list[str], Step]:
    """The steps before the last, which must be well, and the last."""
    *before, last = probe.steps
    assert [step.result for step in before if step.result == "failed"] == []
    return [step.name for step in before], last


def test_a_pacs_over_mutual_tls_answers_step_by_step(tmp_path: Path, authority: Authority, ours: Pair) -> None:
    with StoreScp(tmp_path / "upstream", tls_options(authority, authority.issue("pacs"))) as upstream:
        told: list[Step] = []
        probe = echo(dimse(upstream.port, authority, ours), "EDGE01", WAITS, told.append)
    assert [step.name for step in told] == ["DNS", "TCP", "TLS", "association", "C-ECHO"]
    assert [step.result for step in told] == ["ok", tcp_to_localhost(), "ok", "ok", "ok"]
    assert told == probe.steps
    tls = told[2]
    assert tls.what.startswith("TLSv1.")
    assert tls.what.endswith("the certificate is valid and names localhost")
    assert "for localhost, 127.0.0.1" in tls.details[0]
    assert "Test ca" in " ".join(tls.details)
    assert told[3].what == '"PACS" accepted us as "EDGE01"'
    assert all(step.seconds < 5 for step in told)


def test_in_cleartext_there_is_no_tls_step(tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        probe = echo(dimse(upstream.port), "EDGE01", WAITS)
    assert [step.name for step in probe.steps] == ["DNS", "TCP", "association", "C-ECHO"]
    assert probe.ok


def test_a_certificate_that_ends_soon_is_a_warning(
    tmp_path: Path, authority: Authority, ours: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    monkeypatch.setattr("appliance.delivery.probe_network.EXPIRES", timedelta(days=50000))
    with StoreScp(tmp_path / "upstream", tls_options(authority, authority.issue("pacs"))) as upstream:
        probe = echo(dimse(upstream.port, authority, ours), "EDGE01", WAITS)
    assert probe.ok
    assert probe.steps[2].result == "warn"
    assert "have it renewed before deliveries stop" in probe.steps[2].hint


def test_an_expired_certificate_is_named_with_its_day(tmp_path: Path, authority: Authority, ours: Pair) -> None:
    theirs = authority.issue("pacs", expired=True)
    with StoreScp(tmp_path / "upstream", tls_options(authority, theirs)) as upstream:
        before, last = ends(echo(dimse(upstream.port, authority, ours), "EDGE01", WAITS))
    assert before == ["DNS", "TCP"]
    assert (last.name, last.result) == ("TLS", "failed")
    assert "certificate has expired" in last.what
    assert "it has to be renewed there" in last.hint
    assert "our clock is wrong" in last.hint
    assert "for localhost" in last.details[0]  # it is shown, though it is refused


def test_a_certificate_of_another_ca_is_named_with_its_issuer(tmp_path: Path, authority: Authority, ours: Pair) -> None:
    other = Authority(tmp_path / "other", "other")
    with StoreScp(tmp_path / "upstream", tls_options(authority, other.issue("pacs"))) as upstream:
        _, last = ends(echo(dimse(upstream.port, authority, ours), "EDGE01", WAITS))
    assert last.name == "TLS"
    assert "Test other" in last.hint
    assert str(authority.certificate) in last.hint


def test_a_certificate_for_another_name_says_for_which(tmp_path: Path, authority: Authority, ours: Pair) -> None:
    theirs = authority.issue("pacs", host="pacs.rad.example")
    with StoreScp(tmp_path / "upstream", tls_options(authority, theirs)) as upstream:
        _, last = ends(echo(dimse(upstream.port, authority, ours), "EDGE01", WAITS))
        assert last.name == "TLS"
        assert "We look for localhost; the certificate is for pacs.rad.example." in last.hint
        assert "server_name" in last.hint
        assert echo(dimse(upstream.port, authority, ours, server_name="pacs.rad.example"), "EDGE01", WAITS).ok


def test_a_pacs_that_does_not_trust_us_is_told_apart(tmp_path: Path, authority: Authority) -> None:
    stranger = Authority(tmp_path / "other", "other").issue("edge")
    with StoreScp(tmp_path / "upstream", tls_options(authority, authority.issue("pacs"))) as upstream:
        before, last = ends(echo(dimse(upstream.port, authority, stranger), "EDGE01", WAITS))
    assert last.name in ("TLS", "association")  # TLS 1.3 says it after the handshake
    assert "TCP" in before
    assert "trust" in last.hint


def test_a_service_without_tls_is_told_apart(tmp_path: Path, authority: Authority) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        _, last = ends(echo(dimse(upstream.port, authority), "EDGE01", WAITS))
    assert last.name == "TLS"
    assert last.result == "failed"
    assert last.hint


def test_nothing_listens() -> None:
    before, last = ends(echo(dimse(free_port()), "EDGE01", WAITS))
    assert before == ["DNS"]
    assert (last.name, last.result) == ("TCP", "failed")
    assert "nothing listens on port" in last.hint


def test_a_name_that_does_not_resolve() -> None:
    before, last = ends(echo(dimse(104, address="nobody.invalid:104"), "EDGE01", WAITS))
    assert before == []
    assert (last.name, last.result) == ("DNS", "failed")
    assert "nobody.invalid" in last.what


@pytest.mark.parametrize("over_tls", [True, False])
def test_a_listener_that_is_silent_costs_no_more_than_its_deadline(authority: Authority, over_tls: bool) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        port = listener.getsockname()[1]
        entry = dimse(port, authority if over_tls else None, address=f"127.0.0.1:{port}")
        begun = time.monotonic()
        before, last = ends(echo(entry, "EDGE01", SHORT))
        assert time.monotonic() - begun < 4
    assert last.name == ("TLS" if over_tls else "association")
    assert last.hint
    assert before[-1] == "TCP"


@pytest.fixture
def strict() -> Iterator[int]:
    """pynetdicom, which takes one called AE title and no verification."""
    ae = AE(ae_title="PACS")
    ae.require_called_aet = True
    ae.add_supported_context(CTImageStorage)
    port = free_port()
    server = ae.start_server(("127.0.0.1", port), block=False)
    yield port
    server.shutdown()


def test_a_refused_called_ae_title_is_said_in_the_words_of_the_standard(strict: int) -> None:
    before, last = ends(echo(dimse(strict, ae_title="ARCHIVE"), "EDGE01", WAITS))
    assert before == ["DNS", "TCP"]
    assert (last.name, last.result) == ("association", "failed")
    assert "called AE title" in last.what
    assert last.hint == "Check ae_title of the destination."


def test_a_pacs_without_verification_is_a_warning(strict: int) -> None:
    probe = echo(dimse(strict), "EDGE01", WAITS)
    assert probe.ok
    assert [step.name for step in probe.steps] == ["DNS", "TCP", "association", "C-ECHO"]
    assert probe.steps[-1].result == "warn"


def test_a_pacs_that_fails_verification() -> None:
    from pynetdicom import evt

    ae = AE(ae_title="PACS")
    ae.add_supported_context(Verification)
    port = free_port()
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_ECHO, lambda _: 0x0122)])
    try:
        _, last = ends(echo(dimse(port), "EDGE01", WAITS))
    finally:
        server.shutdown()
    assert (last.name, last.result) == ("C-ECHO", "failed")
    assert last.what == "status 0x0122, SOP class not supported"


def stow(url: str, **more: Any) -> StowDestination:
    return StowDestination.model_validate({"name": "cloud", "kind": "stow", "url": url} | more)


@pytest.mark.parametrize(
    ("status", "result", "hint"),
    [
        (200, "ok", ""),
        (204, "ok", ""),
        (301, "failed", "Set url"),
        (401, "failed", "Check token"),
        (403, "failed", "authorized"),
        (404, "warn", "path in url"),
        (503, "failed", "Look at its log"),
    ],
)
def test_a_web_service_is_judged_by_its_status(status: int, result: str, hint: str) -> None:
    with HttpPeer(lambda _: Reply(status)) as peer:
        probe = echo(stow(f"http://localhost:{peer.port}/dicom-web"), "EDGE01", WAITS)
    last = probe.steps[-1]
    assert (last.name, last.result) == ("HTTP", result)
    assert f"HTTP {status}" in last.what
    assert hint in last.hint
    (asked,) = [request for request in peer.requests if request.method == "GET"]
    assert asked.path.startswith("/dicom-web/instances?SOPInstanceUID=2.25.")


def test_a_web_service_over_mutual_tls_with_a_token(tmp_path: Path, authority: Authority, ours: Pair) -> None:
    token = tmp_path / "token"
    token.write_text("secret-token\n")
    token.chmod(0o400)
    with HttpPeer(lambda _: Reply(200, b"[]"), authority.issue("web"), authority) as peer:
        entry = stow(
            f"https://localhost:{peer.port}/dicom-web",
            ca=str(authority.certificate),
            certificate=str(ours.certificate),
            key=str(ours.key),
            token=f"file:{token}",
        )
        probe = echo(entry, "EDGE01", WAITS)
    assert [step.name for step in probe.steps] == ["DNS", "TCP", "TLS", "token", "HTTP"]
    assert probe.ok
    assert "secret-token" not in str(probe.steps)
    assert peer.requests[-1].headers["authorization"] == "Bearer secret-token"


def test_a_token_that_is_not_there_ends_it(tmp_path: Path) -> None:
    with HttpPeer(lambda _: Reply(200, b"[]")) as peer:
        _, last = ends(echo(stow(f"http://localhost:{peer.port}/x", token=f"file:{tmp_path}/none"), "EDGE01", WAITS))
    assert (last.name, last.result) == ("token", "failed")


def store(url: str, **more: Any) -> ObjectStoreDestination:
    return ObjectStoreDestination.model_validate({"name": "archive", "kind": "object-store", "url": url} | more)


def test_a_directory(tmp_path: Path) -> None:
    assert echo(store(f"file://{tmp_path}"), "EDGE01", WAITS).ok
    (step,) = echo(store(f"file://{tmp_path}/none"), "EDGE01", WAITS).steps
    assert (step.result, step.hint) == ("failed", "Is it mounted? Make it, or correct url.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
def test_a_bucket_over_tls_and_one_that_does_not_know_us(tmp_path: Path, authority: Authority) -> None:
    pytest.importorskip("obstore")
    secret = tmp_path / "secret"
    secret.write_text(KEY)
    secret.chmod(0o400)
    with s3(tmp_path / "data", authority.issue("s3")) as service:
        entry = {"endpoint": service.url, "ca": str(authority.certificate), "secret_access_key": f"file:{secret}"}
        probe = echo(store(f"s3://{BUCKET}/edge", **entry, access_key_id=KEY), "EDGE01", WAITS)
        assert [step.name for step in probe.steps] == ["DNS", "TCP", "TLS", "store"]
        assert probe.ok
        _, last = ends(echo(store(f"s3://{BUCKET}/edge", **entry, access_key_id="nobody"), "EDGE01", WAITS))
        assert (last.name, last.result) == ("store", "failed")
        assert "access_key_id" in last.hint
        _, last = ends(echo(store("s3://another/edge", **entry, access_key_id=KEY), "EDGE01", WAITS))
        assert "there is no bucket another there" in last.what
        assert service.names() == []


def test_an_address_of_several_that_is_dead_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, upstream.port)) for host in ("127.0.0.9", "127.0.0.1")
        ]
        real = socket.getaddrinfo
        monkeypatch.setattr(
            "appliance.delivery.probe_network.socket.getaddrinfo",
            lambda host, *rest, **more: found if host == "pacs.example" else real(host, *rest, **more),
        )
        monkeypatch.setattr("appliance.delivery.probe_network.reach", _refusing("127.0.0.9"))
        probe = echo(dimse(upstream.port, address=f"pacs.example:{upstream.port}"), "EDGE01", WAITS)
    assert probe.ok
    assert probe.steps[1].result == "warn"
    assert "127.0.0.9" in probe.steps[1].details[0]


def _refusing(dead: str) -> Any:
    from appliance.base.errors import UpstreamError
    from appliance.delivery.transport import reach

    def instead(address: Any, seconds: float) -> socket.socket:
        if address.host == dead:
            raise UpstreamError(f"cannot connect to {address}: Connection refused")
        return reach(address, seconds)

    return instead


def test_nothing_is_left_running() -> None:
    assert not [thread for thread in threading.enumerate() if thread.name == "resolver" and thread.is_alive()]
