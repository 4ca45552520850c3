"""Our requestor against DCMTK's storescp and pynetdicom, in cleartext and over mutual TLS."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pynetdicom
import pytest
from pydicom.dataset import Dataset

from appliance.base.errors import CryptoError, UpstreamError
from appliance.config.destinations import DimseDestination
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.dimse import Dimse, DimseSession
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.source import Source
from tests.delivery.upstream import Authority, StoreScp, tls_options, until
from tests.delivery.vaults import CT, EXPLICIT, IMPLICIT, J2K, MR, PRIVATE_CLASS, State

SHORT = Deadlines(connect=2, handshake=1, association=1, write=1, message=10, response=1, release=1)


def destination(port: int, **more: Any) -> DimseDestination:
    entry = {"name": "pacs", "kind": "dimse", "address": f"localhost:{port}", "ae_title": "PACS", "tls": "never"}
    return DimseDestination.model_validate(entry | more)


def store(session: DimseSession, state: State, object_id: str, kind: tuple[str, str] = (CT, EXPLICIT)) -> Outcome:
    with state.layout.incoming_file(object_id).open("rb") as file:
        return session.store(Source(file, [state.identity], kind))


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


def test_what_was_sealed_arrives_byte_for_byte_on_one_association(state: State, tmp_path: Path) -> None:
    sizes = (0, 10, 65000, 65536, 131072, 1_000_001)
    objects = [(state.put(pixels=size), (CT, EXPLICIT)) for size in sizes]
    # Encodings that nobody parses: compressed, private class, bytes that are no data set, odd length, empty.
    objects.append((state.put(b"\xfe\xff\x00\xe0" * 40000, syntax=J2K), (CT, J2K)))
    objects.append((state.put(sop_class=PRIVATE_CLASS), (PRIVATE_CLASS, EXPLICIT)))
    with StoreScp(tmp_path / "upstream") as upstream:
        session = Dimse(destination(upstream.port))([kind for _, kind in objects], "EDGE01")
        outcomes = [store(session, state, object_id, kind) for object_id, kind in objects]
        session.end()
        assert [outcome.verdict for outcome in outcomes] == [Verdict.DONE] * len(objects)
        assert upstream.received() == state.sent


def test_over_mutual_tls(state: State, tmp_path: Path, authority: Authority) -> None:
    ours, theirs = authority.issue("edge"), authority.issue("pacs")
    entry = {"tls": "required", "ca": authority.certificate, "certificate": ours.certificate, "key": ours.key}
    objects = [state.put(pixels=size) for size in (100, 200_001, 3_000_000)]
    with StoreScp(tmp_path / "upstream", tls_options(authority, theirs)) as upstream:
        for address in ("localhost", "127.0.0.1"):
            session = Dimse(destination(upstream.port, address=f"{address}:{upstream.port}", **entry))(
                [(CT, EXPLICIT)], "EDGE01"
            )
            for object_id in objects:
                assert store(session, state, object_id).verdict is Verdict.DONE
            session.end()
        assert upstream.received() == state.sent


@pytest.mark.parametrize(
    ("fault", "words", "advice"),
    [
        ("wrong ca", "certificate verify failed|unable to get local issuer|self.signed", "into ca of the destination"),
        ("wrong name", "Hostname mismatch|not valid for", "server_name"),
        ("expired", "expired", "renewed"),
        ("no certificate of ours", "TLS|closed|lost", ""),
        ("certificate of ours from another ca", "TLS|closed|lost", ""),
        ("it speaks no tls", "TLS handshake", "TLS is on there"),
    ],
)
def test_a_tls_fault_fails_the_destination_and_says_why(
    tmp_path: Path, authority: Authority, fault: str, words: str, advice: str
) -> None:
    other = Authority(tmp_path / "pki", "other")
    theirs = authority.issue(
        "pacs", host="elsewhere.example" if fault == "wrong name" else "localhost", expired=fault == "expired"
    )
    ours = (other if fault == "certificate of ours from another ca" else authority).issue("edge")
    entry: dict[str, Any] = {"tls": "required", "ca": (other if fault == "wrong ca" else authority).certificate}
    if fault != "no certificate of ours":
        entry |= {"certificate": ours.certificate, "key": ours.key}
    options = ("+xa",) if fault == "it speaks no tls" else tls_options(authority, theirs)
    with StoreScp(tmp_path / "upstream", options) as upstream:
        with pytest.raises(UpstreamError, match=words) as caught:
            Dimse(destination(upstream.port, **entry), SHORT)([(CT, EXPLICIT)], "EDGE01")
        assert caught.value.temporary
        assert caught.value.fix
        assert advice in caught.value.fix


def test_a_server_name_replaces_the_host_of_the_address(state: State, tmp_path: Path, authority: Authority) -> None:
    ours, theirs = authority.issue("edge"), authority.issue("pacs", host="pacs.rad.example")
    entry = {"tls": "required", "ca": authority.certificate, "certificate": ours.certificate, "key": ours.key}
    with StoreScp(tmp_path / "upstream", tls_options(authority, theirs)) as upstream:
        session = Dimse(destination(upstream.port, server_name="pacs.rad.example", **entry))([(CT, EXPLICIT)], "EDGE01")
        assert store(session, state, state.put()).verdict is Verdict.DONE
        session.end()


def test_explicit_vr_is_asked_for_besides_implicit_where_there_is_room(tmp_path: Path) -> None:
    with StoreScp(tmp_path) as upstream:
        session = Dimse(destination(upstream.port))([(CT, IMPLICIT), (MR, J2K)], "EDGE01")
        assert (CT, EXPLICIT) in session.accepted and (MR, EXPLICIT) not in session.proposed
        session.end()
        full = [(CT, IMPLICIT), *((f"1.2.3.{number}", J2K) for number in range(127))]
        session = Dimse(destination(upstream.port))(full, "EDGE01")
        assert set(session.proposed) == set(full)
        session.end()


def test_only_what_the_destination_accepts_is_accepted(tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=()) as upstream:  # uncompressed only
        session = Dimse(destination(upstream.port))([(CT, EXPLICIT), (CT, J2K), (MR, EXPLICIT)], "EDGE01")
        assert session.accepted == {(CT, EXPLICIT), (MR, EXPLICIT)}
        assert session.proposed == {(CT, EXPLICIT), (CT, J2K), (MR, EXPLICIT)}
        session.end()


def test_an_association_ended_by_the_other_side_is_noticed_before_it_is_used(state: State, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream") as upstream:
        session = Dimse(destination(upstream.port))([(CT, EXPLICIT)], "EDGE01")
        assert store(session, state, state.put()).verdict is Verdict.DONE
        assert session.alive()
        upstream.stop()
        assert not session.alive()
        session.end()


@pytest.mark.parametrize(
    ("option", "words"),
    [("--refuse", "rejected"), ("--abort-after", "aborted|closed|lost"), ("--abort-during", "aborted|closed|lost")],
)
def test_refusals_and_aborts_fail_the_destination(state: State, tmp_path: Path, option: str, words: str) -> None:
    upstream = StoreScp(tmp_path / "upstream").start(option)
    try:
        with pytest.raises(UpstreamError, match=words):
            session = Dimse(destination(upstream.port), SHORT)([(CT, EXPLICIT)], "EDGE01")
            store(session, state, state.put(pixels=2_000_000))
    finally:
        upstream.stop()


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="cannot connect to localhost:9: Connection refused"):
        Dimse(destination(9), SHORT)([(CT, EXPLICIT)], "EDGE01")


def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(UpstreamError, match="does not resolve"):
        Dimse(destination(104, address="nowhere.invalid:104"), SHORT)([(CT, EXPLICIT)], "EDGE01")


@contextmanager
def listener(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something that listens, and behaves as told to the first who connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                behave(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def silence(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


@pytest.mark.parametrize(
    ("behave", "tls", "words"),
    [
        (silence, "never", "A-ASSOCIATE-RQ did not come within 1 s"),
        (silence, "required", "no answer in time"),
        (
            lambda connection: connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n"),
            "never",
            "broke the protocol|lost",
        ),
        (lambda connection: connection.recv(10), "never", "closed|lost"),
    ],
)
def test_silence_and_nonsense_end_at_the_deadline(
    behave: Callable[[socket.socket], None], tls: str, words: str, authority: Authority
) -> None:
    with listener(behave) as port:
        begin = time.monotonic()
        with pytest.raises(UpstreamError, match=words):
            Dimse(destination(port, tls=tls, ca=authority.certificate), SHORT)([(CT, EXPLICIT)], "EDGE01")
        assert time.monotonic() - begin < 5


@contextmanager
def pynetdicom_scp(answer: Callable[[pynetdicom.events.Event], Dataset | int]) -> Iterator[int]:
    """A pynetdicom storage SCP that answers C-STORE as told."""
    entity = pynetdicom.AE(ae_title="PACS")
    entity.add_supported_context(CT, EXPLICIT)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(pynetdicom.evt.EVT_C_STORE, answer)])
    assert server is not None
    yield server.server_address[1]
    server.shutdown()


def test_each_instance_is_judged_by_its_own_status(state: State) -> None:
    statuses = iter((0xA700, 0x0000, 0xB000, 0xC000, 0x0110, 0x0122))

    def answer(_: pynetdicom.events.Event) -> Dataset:
        response = Dataset()
        response.Status = next(statuses)
        response.ErrorComment = "DOE^JOHN 19700101 has no place here"
        return response

    with pynetdicom_scp(answer) as port:
        session = Dimse(destination(port))([(CT, EXPLICIT)], "EDGE01")
        outcomes = [store(session, state, state.put()) for _ in range(6)]
        session.end()
    assert [outcome.verdict for outcome in outcomes] == [
        Verdict.BUSY,
        Verdict.DONE,
        Verdict.DONE,
        Verdict.PERMANENT,
        Verdict.TEMPORARY,
        Verdict.PERMANENT,
    ]
    assert not any("DOE" in outcome.reason + outcome.advice for outcome in outcomes)


def test_a_response_that_does_not_come_aborts_the_association(state: State) -> None:
    def answer(_: pynetdicom.events.Event) -> int:
        time.sleep(2)
        return 0x0000

    with pynetdicom_scp(answer) as port:
        session = Dimse(destination(port), SHORT)([(CT, EXPLICIT)], "EDGE01")
        with pytest.raises(UpstreamError, match="response to a C-STORE did not come within 1 s"):
            store(session, state, state.put())
        assert not session.alive()


def test_a_damaged_object_is_never_sent_to_its_end(state: State, tmp_path: Path) -> None:
    object_id = state.put(pixels=500_000)
    path = state.layout.incoming_file(object_id)
    whole = bytearray(path.read_bytes())
    whole[-70_000] ^= 1
    path.write_bytes(whole)
    with StoreScp(tmp_path / "upstream") as upstream:
        session = Dimse(destination(upstream.port))([(CT, EXPLICIT)], "EDGE01")
        with pytest.raises(CryptoError):
            store(session, state, object_id)
        assert not session.alive()
        until(lambda: upstream.received() == {})  # it drops what it did not get whole


def test_memory_does_not_grow_with_the_instance(state: State, tmp_path: Path) -> None:
    object_id = state.put(bytes(40_000_000))
    state.sent.clear()
    with StoreScp(tmp_path / "upstream", options=("+xa", "--ignore")) as upstream:
        session = Dimse(destination(upstream.port))([(CT, EXPLICIT)], "EDGE01")
        tracemalloc.start()
        try:
            assert store(session, state, object_id).verdict is Verdict.DONE
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()
        session.end()
