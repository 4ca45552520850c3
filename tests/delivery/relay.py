"""A TCP relay between us and a real peer, as a network or a gateway is: it may end TLS, cut the connection, or change a
byte on its way.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass

from tests.delivery.upstream import Authority, Pair


@dataclass
class Fault:
    """What happens to what we send: after `cut` bytes of it the connection ends, and others after so many more as
    `again` has, one after the other; the byte `flip` of it is changed. All count all connections together, and happen
    once. `cut` is None when nothing will be cut any more."""

    cut: int | None = None
    flip: int | None = None
    again: tuple[int, ...] = ()


class Relay:
    """From `with` to its end. `port` is where we connect; `passed` counts bytes on their way to the peer."""

    def __init__(
        self,
        target: int,
        fault: Fault | None = None,
        pair: Pair | None = None,
        clients: Authority | None = None,
        port: int = 0,
    ) -> None:
        self._target = target
        self.fault = fault or Fault()
        self.passed = 0
        self._context: ssl.SSLContext | None = None
        if pair:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(pair.certificate, pair.key)
            if clients:
                self._context.verify_mode = ssl.CERT_REQUIRED
                self._context.load_verify_locations(clients.certificate)
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Relay:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for each in self._open:
                _shut(each)
        for thread in list(self._threads):
            thread.join(10)
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(near,), daemon=True)
            with self._lock:
                self._threads.append(thread)
            thread.start()

    def _serve(self, near: socket.socket) -> None:
        try:
            if self._context:
                near = self._context.wrap_socket(near, server_side=True)
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        with self._lock:
            self._open += [near, far]
        back = threading.Thread(target=self._copy, args=(far, near, False), daemon=True)
        back.start()
        self._copy(near, far, True)
        back.join()

    def _copy(self, source: socket.socket, sink: socket.socket, outwards: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(self._harm(data) if outwards else data)
                if outwards and self._is_cut():
                    _shut(source)
                    break
        _shut(sink)

    def _harm(self, data: bytes) -> bytes:
        with self._lock:
            start, self.passed = self.passed, self.passed + len(data)
            flip = self.fault.flip
            if flip is not None and start <= flip < self.passed:
                self.fault.flip = None
                at = flip - start
                return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            cut = self.fault.cut
            return data[: cut - start] if cut is not None and self.passed > cut else data

    def _is_cut(self) -> bool:
        with self._lock:
            if self.fault.cut is None or self.passed < self.fault.cut:
                return False
            again = self.fault.again
            self.fault.cut = self.passed + again[0] if again else None
            self.fault.again = again[1:]
            return True


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
