"""STOW-RS against a real web service that answers, and misbehaves, as a test wants it; and against Orthanc."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base.errors import ConfigError, CryptoError, UpstreamError
from appliance.config.destinations import StowDestination
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.file_meta import parse_file_meta
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.source import Source
from appliance.delivery.stow import Stow, StowSession
from tests import orthanc
from tests.delivery.http_peer import Behaviour, HttpPeer, Reply, Request, reference, said
from tests.delivery.relay import Relay
from tests.delivery.upstream import Authority, free_port
from tests.delivery.vaults import CT, EXPLICIT, J2K, PRIVATE_CLASS, ROOT, State

SHORT = Deadlines(connect=2, handshake=1, association=1, write=1, message=10, response=0.5, release=1)


def destination(url: str, **more: Any) -> StowDestination:
    return StowDestination.model_validate({"name": "cloud", "kind": "stow", "url": url} | more)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@contextlib.contextmanager
def session(entry: StowDestination, deadlines: Deadlines = SHORT) -> Iterator[StowSession]:
    opened = Stow(entry, deadlines)([(CT, EXPLICIT)], "EDGE01")
    try:
        yield opened
    finally:
        opened.end()


def store(opened: StowSession, state: State, object_id: str, kind: tuple[str, str] = (CT, EXPLICIT)) -> Outcome:
    with state.layout.incoming_file(object_id).open("rb") as file:
        return opened.store(Source(file, [state.identity], kind))


def uid_of(request: Request) -> str:
    return parse_file_meta(request.instance()).sop_instance


def takes_all(request: Request) -> Reply:
    return said(200, stored=(reference(uid_of(request)),))


def test_what_was_sealed_arrives_byte_for_byte_over_one_connection(state: State, authority: Authority) -> None:
    ours, theirs = authority.issue("edge"), authority.issue("pacs")
    entry = {"ca": authority.certificate, "certificate": ours.certificate, "key": ours.key}
    objects = [(state.put(pixels=size), (CT, EXPLICIT)) for size in (0, 10, 64700, 65536, 131072, 1_000_001)]
    objects.append((state.put(b"\xfe\xff\x00\xe0" * 40000, syntax=J2K), (CT, J2K)))
    objects.append((state.put(sop_class=PRIVATE_CLASS), (PRIVATE_CLASS, EXPLICIT)))
    with HttpPeer(takes_all, theirs, authority) as peer:
        with session(destination(peer.url, **entry)) as opened:
            outcomes = [store(opened, state, object_id, kind) for object_id, kind in objects]
            assert opened.alive()
        assert [outcome.verdict for outcome in outcomes] == [Verdict.DONE] * len(objects)
        assert [outcome.status for outcome in outcomes] == [0] * len(objects)
        got = {}
        for request in peer.requests:
            whole = request.instance()
            meta = parse_file_meta(whole)
            got[meta.sop_instance] = whole[meta.data_set_offset :]
            assert (request.method, request.path) == ("POST", "/dicom-web/studies")
            assert request.headers["accept"].startswith("application/dicom+json")
            assert "authorization" not in request.headers
            assert request.certificate and ("commonName", "edge") in [
                each[0] for each in request.certificate["subject"]
            ]
        assert got == state.sent
        assert peer.connections == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong ca", "certificate verify failed|unable to get local issuer|self.signed"),
        ("wrong name", "Hostname mismatch|not valid for"),
        ("expired", "expired"),
        ("no certificate of ours", "TLS|lost|closed"),
        ("it speaks no tls", "TLS"),
        ("nobody is there", "cannot connect to localhost:[0-9]+: Connection refused"),
        ("no such host", "does not resolve"),
    ],
)
def test_a_fault_of_the_connection_fails_the_destination_and_says_why(
    state: State, tmp_path: Path, authority: Authority, fault: str, words: str
) -> None:
    other = Authority(tmp_path / "pki", "other")
    theirs = authority.issue(
        "pacs", host="elsewhere.example" if fault == "wrong name" else "localhost", expired=fault == "expired"
    )
    ours = authority.issue("edge")
    entry: dict[str, Any] = {"ca": (other if fault == "wrong ca" else authority).certificate}
    if fault != "no certificate of ours":
        entry |= {"certificate": ours.certificate, "key": ours.key}
    with HttpPeer(takes_all, None if fault == "it speaks no tls" else theirs, authority) as peer:
        url = peer.url.replace("http:", "https:")
        if fault == "nobody is there":
            url = f"https://localhost:{free_port()}/x"
        if fault == "no such host":
            url = "https://no-such-host.invalid/x"
        with session(destination(url, **entry)) as opened, pytest.raises(UpstreamError, match=words) as caught:
            store(opened, state, state.put())
        assert caught.value.temporary and caught.value.fix
        assert peer.requests == []


def test_a_server_name_replaces_the_host_of_the_url(state: State, authority: Authority) -> None:
    theirs = authority.issue("pacs", host="pacs.rad.example")
    with HttpPeer(takes_all, theirs) as peer:
        entry = destination(peer.url, ca=authority.certificate, server_name="pacs.rad.example")
        with session(entry) as opened:
            assert store(opened, state, state.put()).verdict is Verdict.DONE


def test_of_a_partial_success_each_instance_has_its_own_outcome(state: State) -> None:
    bad, warned = f"{ROOT}.2.2", f"{ROOT}.2.3"

    def partial(request: Request) -> Reply:
        uid = uid_of(request)
        if uid == bad:
            return said(202, failed=(reference(uid, failure=0xA900),))
        return said(202, stored=(reference(uid, **({"warning": 0xB000} if uid == warned else {})),))

    with HttpPeer(partial) as peer, session(destination(peer.url)) as opened:
        outcomes = [store(opened, state, state.put()) for _ in range(3)]
    assert [outcome.verdict for outcome in outcomes] == [Verdict.DONE, Verdict.PERMANENT, Verdict.DONE]
    assert [outcome.status for outcome in outcomes] == [0, 0xA900, 0xB000]


def test_xml_is_understood_where_json_was_not_given(state: State) -> None:
    def xml(request: Request) -> Reply:
        body = (
            "<NativeDicomModel><DicomAttribute tag='00081199'><Item number='1'><DicomAttribute tag='00081155'>"
            f"<Value number='1'>{uid_of(request)}</Value></DicomAttribute></Item></DicomAttribute></NativeDicomModel>"
        )
        return Reply(200, body.encode(), {"Content-Type": "application/dicom+xml"})

    with HttpPeer(xml) as peer, session(destination(peer.url)) as opened:
        assert store(opened, state, state.put()).verdict is Verdict.DONE


def test_503_with_retry_after_and_409_and_garbage(state: State) -> None:
    replies = iter(
        (
            Reply(503, b"later", {"Retry-After": "17"}),
            said(409, failed=(reference(f"{ROOT}.2.2", failure=0x0111),)),
            Reply(200, b"<html>please log in</html>", {"Content-Type": "text/html"}),
            Reply(200, os.urandom(1000), {"Content-Type": "application/dicom+json"}),
        )
    )
    with HttpPeer(lambda _: next(replies)) as peer, session(destination(peer.url)) as opened:
        outcomes = [store(opened, state, state.put()) for _ in range(4)]
        assert peer.connections == 1
    assert [each.verdict for each in outcomes] == [Verdict.BUSY, Verdict.PERMANENT, Verdict.BUSY, Verdict.BUSY]
    assert outcomes[0].retry_after == 17


def dripping(request: Request) -> None:
    stop = threading.Event()
    try:
        request.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while not stop.wait(0.05):
            request.connection.sendall(b"a")
    except OSError:
        pass


def dripping_body(request: Request) -> None:
    stop = threading.Event()
    try:
        request.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not stop.wait(0.05):
            request.connection.sendall(b"a")
    except OSError:
        pass


def endless(request: Request) -> None:
    try:
        request.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            request.connection.sendall(bytes(65536))
    except OSError:
        pass


def cut_in_the_middle(request: Request) -> None:
    request.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


def another_protocol(request: Request) -> None:
    request.connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (dripping, "a whole answer of localhost:[0-9]+ did not come in time"),
        (dripping_body, "did not come in time"),
        (endless, "an answer of more than 1048576 bytes"),
        (cut_in_the_middle, "closed the connection"),
        (another_protocol, "does not speak HTTP"),
        (lambda _: None, "closed the connection"),
    ],
)
@pytest.mark.parametrize("secured", [False, True])
def test_a_service_that_misbehaves_fails_in_time(
    state: State, authority: Authority, behaviour: Behaviour, words: str, secured: bool
) -> None:
    def once(request: Request) -> Reply | None:
        peer.behaviour = takes_all
        return behaviour(request)

    pair = authority.issue("pacs") if secured else None
    with HttpPeer(once, pair) as peer:
        entry = destination(peer.url, **({"ca": authority.certificate} if secured else {}))
        with session(entry) as opened:
            object_id = state.put()
            with pytest.raises(UpstreamError, match=words):
                store(opened, state, object_id)
            # The next request goes over a connection of its own.
            assert store(opened, state, object_id).verdict is Verdict.DONE


def test_a_service_that_takes_nothing_is_left_in_time(state: State) -> None:
    with HttpPeer(takes_all) as peer:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            entry = destination(f"http://127.0.0.1:{deaf.getsockname()[1]}/x")
            with session(entry) as opened, pytest.raises(UpstreamError, match="took nothing from us"):
                store(opened, state, state.put(pixels=20_000_000))
        assert peer.requests == []


def test_an_answer_before_the_end_of_the_body_is_heard(state: State) -> None:
    """A gateway that refuses a large request does not read it to its end."""

    def refuse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        with session(destination(f"http://127.0.0.1:{listener.getsockname()[1]}/x")) as opened:
            outcome = store(opened, state, state.put(pixels=8_000_000))
        thread.join()
    assert (outcome.verdict, outcome.reason.split(" (")[0]) == (Verdict.PERMANENT, "it answered HTTP 413")


class SilentPeer:
    """A service in a process of its own that reads every request to its end, keeps nothing, and answers 413."""

    CODE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 65536)))
        self.send_response(413)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""

    def __enter__(self) -> SilentPeer:
        self._process = subprocess.Popen([sys.executable, "-c", self.CODE], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_object_is_never_whole_at_the_other_side(state: State, damage: str) -> None:
    object_id = state.put(pixels=300_000)
    path = state.layout.incoming_file(object_id)
    sealed = bytearray(path.read_bytes())
    path.write_bytes(sealed[:-1000] if damage == "cut" else sealed[:-5] + bytes([sealed[-5] ^ 1]) + sealed[-4:])
    with HttpPeer(takes_all) as peer:
        with session(destination(peer.url)) as opened:
            with pytest.raises(CryptoError):
                store(opened, state, object_id)
            assert store(opened, state, state.put()).verdict is Verdict.DONE
        whole = [request for request in peer.requests if len(request.body) == int(request.headers["content-length"])]
        assert [uid_of(request) for request in whole] == [f"{ROOT}.2.2"]


def test_memory_does_not_follow_the_instance(state: State) -> None:
    """What we hold of a request, counted where it goes into the socket; the service is in a process of its own."""
    objects = [state.put(pixels=size) for size in (1000, 60_000_000)]
    peaks = []
    with SilentPeer() as peer:
        for object_id in objects:
            with session(destination(f"http://127.0.0.1:{peer.port}/x"), Deadlines()) as opened:
                store(opened, state, object_id)
                tracemalloc.start()
                assert store(opened, state, object_id).reason.startswith("it answered HTTP 413")
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000


def test_a_bearer_token_is_shown_and_read_anew(state: State, tmp_path: Path, authority: Authority) -> None:
    token = tmp_path / "token"
    token.write_text("first-token\n")
    token.chmod(0o600)
    with HttpPeer(takes_all, authority.issue("pacs")) as peer:
        with session(destination(peer.url, ca=authority.certificate, token=f"file:{token}")) as opened:
            assert store(opened, state, state.put()).verdict is Verdict.DONE
            token.write_text("second~token==\n")
            assert store(opened, state, state.put()).verdict is Verdict.DONE
            token.write_text("two words\n")
            with pytest.raises(ConfigError, match="no bearer token"):
                store(opened, state, state.put())
            token.unlink()
            with pytest.raises(ConfigError, match="cannot read the secret"):
                store(opened, state, state.put())
        assert [each.headers["authorization"] for each in peer.requests] == [
            "Bearer first-token",
            "Bearer second~token==",
        ]


# proof = "query"


class Archive:
    """A service that keeps instances and answers queries, if it is told to."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.keeps = True
        self.answer = 200

    def __call__(self, request: Request) -> Reply:
        if request.method == "POST":
            if self.keeps:
                self.kept.add(uid_of(request))
            return said(200, stored=(reference(uid_of(request)),)) if self.answer == 200 else Reply(200)
        uid = request.path.partition("SOPInstanceUID=")[2].partition("&")[0]
        assert request.path.startswith("/dicom-web/instances?")
        found = [{"00080018": {"vr": "UI", "Value": [uid]}}] if uid in self.kept else []
        return Reply(200, json.dumps(found).encode(), {"Content-Type": "application/dicom+json"})


def test_with_a_query_only_what_it_finds_is_delivered(state: State) -> None:
    archive = Archive()
    with HttpPeer(archive) as peer, session(destination(peer.url, proof="query")) as opened:
        object_id = state.put()
        assert store(opened, state, object_id) == Outcome(Verdict.DONE, "stored, and found by a query", "", 0)
        archive.keeps = False
        outcome = store(opened, state, state.put())
        assert (outcome.verdict, outcome.reason) == (
            Verdict.TEMPORARY,
            "it took the instance, and a query does not find it (HTTP 200)",
        )
        archive.keeps, archive.answer = True, 0  # it says nothing of the instance, and keeps it
        assert store(opened, state, state.put()).verdict is Verdict.DONE


# Orthanc


ORTHANC = orthanc.find()


@pytest.fixture
def archive(tmp_path: Path, authority: Authority) -> Iterator[tuple[orthanc.Running, str, dict[str, Any]]]:
    """An Orthanc with its DICOMweb plugin, a gateway before it that speaks mutual TLS, and our entry. Orthanc would do
    TLS itself, but that of Debian 12 crashes at the first handshake."""
    if ORTHANC is None or ORTHANC.dicomweb is None:
        pytest.skip("Orthanc's DICOMweb plugin is not here: `make setup` unpacks it below build/orthanc")
    ours, theirs = authority.issue("edge"), authority.issue("pacs")
    entry = {"ca": authority.certificate, "certificate": ours.certificate, "key": ours.key}
    with (
        orthanc.running(ORTHANC, tmp_path / "orthanc", Plugins=[str(ORTHANC.dicomweb)]) as running,
        Relay(running.port, pair=theirs, clients=authority) as gateway,
    ):
        yield running, f"https://localhost:{gateway.port}", entry


@pytest.mark.parametrize("proof", ["status", "query"])
def test_orthanc_stores_what_we_send_over_mutual_tls(
    archive: tuple[orthanc.Running, str, dict[str, Any]], state: State, proof: str
) -> None:
    running, url, entry = archive
    objects = [state.put(pixels=size) for size in (100, 70_000, 5_000_000)]
    with session(destination(f"{url}/dicom-web", proof=proof, **entry), Deadlines()) as opened:
        for object_id in (*objects, objects[0]):  # again: it is there already
            outcome = store(opened, state, object_id)
            assert outcome.verdict is Verdict.DONE, outcome
        broken = store(opened, state, state.put(b"\xff" * 500))
        assert broken.verdict in (Verdict.PERMANENT, Verdict.TEMPORARY), broken
    kept = [running.call(f"/instances/{each}/file") for each in json.loads(running.call("/instances"))]
    got = {}
    for whole in kept:
        meta = parse_file_meta(whole)
        got[meta.sop_instance] = whole[meta.data_set_offset :]
    assert got == {uid: state.sent[uid] for uid in list(state.sent)[:3]}


def test_orthanc_at_a_wrong_path_is_no_service(
    archive: tuple[orthanc.Running, str, dict[str, Any]], state: State
) -> None:
    _, url, entry = archive
    with session(destination(f"{url}/elsewhere", **entry), Deadlines()) as opened:
        outcome = store(opened, state, state.put())
    assert outcome.verdict is Verdict.BUSY
    assert "Check url" in outcome.advice


def test_nothing_of_a_request_is_logged() -> None:
    code = (
        "import logging; logging.basicConfig(level=logging.DEBUG)\n"
        "from tests.delivery.test_stow import *\n"
        "import tempfile, pathlib\n"
        "state = State(pathlib.Path(tempfile.mkdtemp()) / 's')\n"
        "with HttpPeer(Archive()) as peer, session(destination(peer.url, proof='query')) as opened:\n"
        "    print(store(opened, state, state.put()).verdict)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Verdict.DONE\n"
    assert done.stderr == ""
