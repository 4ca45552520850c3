"""DICOMweb services and object stores that fail: what they answer, and what happens on the way."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

from appliance.cli.demo.evidence import Verdict
from appliance.delivery.file_meta import parse_file_meta
from appliance.delivery.store import name_of
from appliance.vault.layout import StateLayout
from tests.delivery.http_peer import HttpPeer, Reply, Request, reference, said
from tests.delivery.relay import Fault as Harm
from tests.delivery.relay import Relay
from tests.delivery.s3_peer import BUCKET, KEY, MISSING, s3
from tests.delivery.test_stow import takes_all, uid_of
from tests.delivery_lab.lab import Fault, Lab
from tests.delivery_lab.row import Row

Misbehave = Callable[[Request, str], Reply | None]


def _stow(name: str, misbehave: Misbehave, words: str, *, kept: bool = False) -> Fault:
    """One instance of twelve meets the fault, until `queue` and `status` have said so."""

    def run(lab: Lab) -> Row:
        lab.put()
        chosen, well = list(lab.box.state.sent)[4], threading.Event()
        got: list[tuple[str, bytes]] = []

        def answer(request: Request) -> Reply | None:
            uid = uid_of(request)
            if uid == chosen and not well.is_set():
                return misbehave(request, uid)
            part10 = request.instance()
            got.append((uid, part10[parse_file_meta(part10).data_set_offset :]))
            return takes_all(request)

        with HttpPeer(answer) as peer:
            lab.box.destinations["pacs"] = f'name = "pacs"\nkind = "stow"\nurl = "{peer.url}"\n'
            lab.run()
            if kept:
                lab.held(words)
                lab.await_(lambda: lab.box.delivered() == 11, "the others are delivered")
            else:
                lab.failing(words)
            well.set()
            lab.all_delivered()
            return lab.arrived(got)

    return Fault(f"STOW: {name}", run)


def _reset(request: Request, _: str) -> None:
    """A RST instead of an answer."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


class _Lasting(Relay):
    """Does harm until it is `well`; `words` are what is to be heard meanwhile."""

    well = False
    words = ""


class _Failing(_Lasting):
    """Answers with HTTP 500 by itself."""

    words = "HTTP 500"

    def _serve(self, near: socket.socket) -> None:
        if self.well:
            return super()._serve(near)
        with near:
            near.settimeout(5)
            head = b""
            while b"\r\n\r\n" not in head and (more := near.recv(65536)):
                head += more
            head, _, body = head.partition(b"\r\n\r\n")
            sizes = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            left = (sizes[0] if sizes else 0) - len(body)
            while left > 0 and (more := near.recv(65536)):
                left -= len(more)
            near.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return None


class _Tearing(Relay):
    """Cuts a connection after so many bytes. Until somebody says `go_on`, the next bytes take their time."""

    def __init__(self, target: int) -> None:
        super().__init__(target, Harm(cut=9_000_000))
        self.go_on = threading.Event()

    def _harm(self, data: bytes) -> bytes:
        if self.fault.cut is None:
            self.go_on.wait(20)
        return super()._harm(data)


class _Leaving(_Lasting):
    """Cuts a connection after so many bytes, and is gone then, on all others too."""

    words = "the object store cannot be reached"

    def __init__(self, target: int) -> None:
        super().__init__(target, Harm(cut=9_000_000))

    def _serve(self, near: socket.socket) -> None:
        if self._is_gone:
            near.close()
        else:
            super()._serve(near)

    def _harm(self, data: bytes) -> bytes:
        if self._is_gone:
            raise ConnectionResetError
        return super()._harm(data)

    @property
    def _is_gone(self) -> bool:
        return self.fault.cut is None and not self.well


def _store(name: str, relay: Callable[[int], Relay], count: int, pixels: int) -> Fault:
    """An S3 service behind a relay that does harm; what is there at the end is compared with the vault, as sealed."""

    def run(lab: Lab) -> Row:
        if MISSING:
            return Row(lab.fault, Verdict.NOT_HERE, MISSING)
        lab.put(count, pixels)
        box = lab.box
        secret = lab.root / "s3-secret"
        secret.write_text(f"{KEY}\n")
        secret.chmod(0o400)
        with s3(lab.root / "s3") as service, relay(service.port) as between:
            keys = {
                "name": "pacs", "kind": "object-store", "url": f"s3://{BUCKET}/edge01",
                "endpoint": f"http://localhost:{between.port}", "access_key_id": KEY,
                "secret_access_key": f"file:{secret}",
            }  # fmt: skip
            box.destinations["pacs"] = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
            lab.run()
            if isinstance(between, _Lasting):
                lab.failing(between.words)
                between.well = True
            if isinstance(between, _Tearing):
                lab.await_(lambda: between.fault.cut is None, "it is torn")
                lab.hear(lambda: lab.telling.goes_on(1))
                between.go_on.set()
            lab.all_delivered()
            layout = StateLayout(box.state.root)
            sealed = {path.name.partition(".")[0]: path.read_bytes() for path in layout.objects.rglob("*.age")}
            differing = [each for each in sealed if service.content(f"edge01/{name_of(each)}") != sealed[each]]
            assert len(sealed) == count and not differing, f"{len(sealed)} here, {len(differing)} differ there"
            assert len(service.names()) == count, "something else lies there"
            lab.seen.append(f"as sealed: {count} of {count} the same in the bucket, nothing else there")
            return lab.arrived(box.state.sent.items())  # compared above; here what the queue says of it

    return Fault(f"S3: {name}", run)


FAULTS = (
    _stow("202, one of them failed", lambda _, uid: said(202, failed=(reference(uid, failure=0xA700),)), "A700"),
    _stow("409 for one", lambda _, uid: said(409, failed=(reference(uid, failure=0x0111),)), "HTTP 409", kept=True),
    _stow("401 for a while", lambda *_: Reply(401), "401"),
    _stow("503 with Retry-After", lambda *_: Reply(503, b"", {"Retry-After": "1"}), "503"),
    _stow("the connection is reset", _reset, "lost the connection to localhost"),
    _store("answers 500 for a while", _Failing, 4, 3000),
    _store("a multipart upload is torn", _Tearing, 1, 14_000_000),
    _store("it goes away in a multipart upload", _Leaving, 1, 14_000_000),
)
