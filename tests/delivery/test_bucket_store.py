"""A bucket of a real S3 service, with a network before it that fails."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import pytest

from appliance.base import limits
from appliance.base.errors import ConfigError, UpstreamError, UpstreamRefused
from appliance.config.urls import Place
from appliance.delivery.store import NoSuchObject, name_of
from tests.delivery.relay import Fault, Relay
from tests.delivery.s3_peer import BUCKET, KEY, MISSING, S3, s3
from tests.delivery.test_directory_store import ONE, THREE, TWO
from tests.delivery.upstream import Authority

obstore = pytest.importorskip("obstore")
from appliance.delivery.bucket_store import BucketStore  # noqa: E402  # it imports obstore

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
PART = limits.STORE_PART.default


def content(data: bytes) -> BufferedReader:
    return cast(BufferedReader, io.BytesIO(data))


def bucket(endpoint: str, prefix: str = "edge01", **more: Any) -> BucketStore:
    key, secret = more.pop("key", KEY), more.pop("secret", KEY)
    return BucketStore(Place(more.pop("bucket", BUCKET), prefix), key, secret, endpoint=endpoint, **more)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3(tmp_path_factory.mktemp("s3") / "data") as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"t{abs(hash(request.node.name))}"


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART + 5])
def test_what_was_put_is_there_byte_for_byte(service: S3, prefix: str, size: int) -> None:
    data = os.urandom(size)
    store = bucket(service.url, prefix)
    assert store.size(name_of(ONE)) is None
    store.put(name_of(ONE), content(data))
    assert service.content(f"{prefix}/{name_of(ONE)}") == data
    assert store.size(name_of(ONE)) == size
    assert b"".join(store.read(name_of(ONE))) == data
    store.remove(name_of(ONE))
    assert store.size(name_of(ONE)) is None
    with pytest.raises(NoSuchObject):
        list(store.read(name_of(ONE)))


def test_names_are_those_of_objects_below_the_prefix(service: S3, prefix: str) -> None:
    store = bucket(service.url, prefix)
    for name in (name_of(THREE), name_of(ONE), name_of(TWO), "ab/notes.txt"):
        store.put(name, content(b"x"))
    bucket(service.url, f"{prefix}2").put(name_of(ONE), content(b"x"))
    assert list(store.names()) == [name_of(THREE), name_of(ONE), name_of(TWO)]


def test_over_tls_with_a_ca_of_the_site(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    with s3(tmp_path / "data", authority.issue("s3")) as running:
        store = bucket(running.url, ca=authority.certificate)
        store.put(name_of(ONE), content(b"sealed"))
        assert running.content(f"edge01/{name_of(ONE)}") == b"sealed"
        for ca in (None, Authority(tmp_path / "pki", "other").certificate):
            with pytest.raises(UpstreamError, match="cannot be reached"):
                bucket(running.url, ca=ca, tries=1).size(name_of(ONE))
    wrong = authority.issue("wrong", host="elsewhere.example")
    with s3(tmp_path / "data2", wrong) as running, pytest.raises(UpstreamError, match="cannot be reached"):
        bucket(running.url, ca=authority.certificate, tries=1).size(name_of(ONE))


def test_a_ca_file_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("nothing")
    for path, why in (("ca", "no PEM"), ("missing", "No such file")):
        with pytest.raises(ConfigError, match=f"cannot use the CA file .*{why}"):
            bucket("https://localhost:1", ca=tmp_path / path)


Act = Callable[[BucketStore], object]
ACTS: dict[str, Act] = {
    "put": lambda store: store.put(name_of(ONE), content(b"x")),
    "put in parts": lambda store: store.put(name_of(ONE), content(bytes(PART + 1))),
    "names": lambda store: list(store.names()),
    "read": lambda store: list(store.read(name_of(ONE))),
    "size": lambda store: store.size(name_of(ONE)),
}


@pytest.mark.parametrize("act", ACTS)
def test_wrong_credentials_are_said(service: S3, act: str) -> None:
    with pytest.raises(UpstreamError, match="the object store refuses us: HTTP 403") as caught:
        ACTS[act](bucket(service.url, key="SOMEBODY"))
    assert "secret_access_key" in caught.value.fix
    assert caught.value.temporary  # the destination fails, not the object


@pytest.mark.parametrize("act", ["put", "put in parts", "names"])
def test_a_missing_bucket_is_said(service: S3, act: str) -> None:
    with pytest.raises(UpstreamError, match="there is no bucket nowhere there") as caught:
        ACTS[act](bucket(service.url, bucket="nowhere"))
    assert caught.value.temporary


@pytest.mark.parametrize("act", ACTS)
def test_nobody_there_is_said(act: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(UpstreamError, match="cannot be reached"):
        ACTS[act](bucket(f"http://localhost:{port}", tries=1))


@pytest.mark.parametrize("cut", [100, 3000, PART // 2, PART + 5000, 2 * PART + 100_000])
def test_a_connection_that_is_cut_leaves_nothing_in_part_and_the_next_attempt_succeeds(
    service: S3, prefix: str, cut: int
) -> None:
    data = os.urandom(3 * PART + 5)
    with Relay(service.port, Fault(cut=cut)) as relay:
        store = bucket(f"http://localhost:{relay.port}", prefix, tries=1)
        with pytest.raises(UpstreamError):
            store.put(name_of(ONE), content(data))
        assert service.content(f"{prefix}/{name_of(ONE)}") is None
        store.put(name_of(ONE), content(data))
    assert service.content(f"{prefix}/{name_of(ONE)}") == data


def test_a_connection_that_is_cut_once_is_not_even_noticed(service: S3, prefix: str) -> None:
    data = os.urandom(3 * PART + 5)
    with Relay(service.port, Fault(cut=PART + 5000)) as relay:
        bucket(f"http://localhost:{relay.port}", prefix).put(name_of(ONE), content(data))
        assert relay.fault.cut is None
    assert service.content(f"{prefix}/{name_of(ONE)}") == data


@contextlib.contextmanager
def answering(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A service that answers these, one a request, and the last for ever."""
    asked: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    if not (more := connection.recv(65536)):
                        return
                    head += more
                head, _, body = head.partition(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
                )
                while len(body) < length:
                    body += connection.recv(1 << 20)
                asked.append(head.partition(b"\r\n")[0])
                connection.sendall(answers[min(len(asked), len(answers)) - 1])

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def answer(status: int, code: str = "", **headers: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>patient 4711</Message></Error>".encode() if code else b""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


STORED = answer(200, ETag='"5d41402abc4b2a76b9719d911017c592"')


def test_a_service_that_fails_and_then_works_is_asked_again() -> None:
    with answering(answer(500, "InternalError"), answer(503, "SlowDown"), STORED) as (port, asked):
        bucket(f"http://localhost:{port}").put(name_of(ONE), content(b"hello"))
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (answer(500, "InternalError"), UpstreamError, "HTTP 500"),
        (answer(503, "SlowDown"), UpstreamError, "HTTP 503"),
        (answer(400, "BadDigest"), UpstreamError, "HTTP 400 BadDigest"),
        (answer(400, "EntityTooLarge"), UpstreamRefused, "HTTP 400 EntityTooLarge"),
        (answer(403, "SignatureDoesNotMatch"), UpstreamError, "refuses us: HTTP 403 SignatureDoesNotMatch"),
        (answer(404, "NoSuchBucket"), UpstreamError, "there is no bucket"),
        (answer(409, "OperationAborted"), UpstreamError, "409"),
        (answer(418, "Tea<b>"), UpstreamRefused, "HTTP 418$"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", UpstreamError, "cannot be reached"),
    ],
)
def test_what_a_service_says_is_judged_and_shown_in_our_words(
    said: bytes, error: type[UpstreamError], words: str
) -> None:
    with answering(said) as (port, _), pytest.raises(UpstreamError) as caught:
        bucket(f"http://localhost:{port}", tries=1).put(name_of(ONE), content(b"hello"))
    assert type(caught.value) is error
    assert words.rstrip("$") in caught.value.message
    assert "4711" not in str(caught.value) and ONE not in str(caught.value)


def test_what_was_changed_on_its_way_is_the_services_to_refuse_and_every_request_lets_it() -> None:
    """s3rver does not compare; others do. So here: the request carries the SHA-256 of its body, signed."""
    with answering(STORED) as (port, asked):
        heads: list[bytes] = []
        with Relay(port) as relay:
            original = relay._harm
            relay._harm = lambda data: heads.append(data) or original(data)  # type: ignore[method-assign,func-returns-value]
            bucket(f"http://localhost:{relay.port}").put(name_of(ONE), content(b"hello"))
        head = b"".join(heads).lower()
        sha256 = b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        assert b"x-amz-content-sha256: " + sha256 in head
        assert b"x-amz-checksum-sha256: lpjnul+wofm0djjykm4p5hwxykj8pjjmd" in head or b"x-amz-checksum-sha256" in head
        assert b"signedheaders=" in head and b"x-amz-content-sha256" in head.partition(b"signedheaders=")[2][:200]
        assert asked


def test_memory_holds_a_few_parts(service: S3, prefix: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        for _ in range(12):
            file.write(os.urandom(PART))
    store = bucket(service.url, prefix)
    store.put(name_of(TWO), content(bytes(3 * PART)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with path.open("rb") as file:
        store.put(name_of(ONE), file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3 * PART >> 10
    assert store.size(name_of(ONE)) == 12 * PART


def test_a_machine_without_the_library_is_told_so() -> None:
    code = (
        "import sys; sys.modules['obstore'] = None\n"
        "from appliance.base.errors import ConfigError\n"
        "try:\n    import appliance.delivery.bucket_store\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("buckets need the package obstore, which is not installed here. Run `pip install")
