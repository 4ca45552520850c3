"""The floor: the least CPU that receiving over TLS and sealing can cost in one process of Python. No DICOM at all.

`python -m tests.bench.floor TLS_DIRECTORY INTO EACH` listens, says its port, takes one connection to its end, and says
what that cost as JSON: recv_into of 64 KiB, ChaCha20-Poly1305 on chunks of 64 KiB, SHA-256 of the data and SHA-256 of
the ciphertext, write, and fdatasync at the end of a file; below INTO, with a new file after EACH bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import socket
import ssl
import struct
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.host import tls

CHUNK = 65536
_TAG = 16


class Sealer:
    """The floor's steps for one file. Put bytes into `chunk` from `filled` on, say how many with `took`."""

    def __init__(self, path: Path) -> None:
        self.chunk = memoryview(bytearray(CHUNK))
        self.filled = 0
        self._out = memoryview(bytearray(CHUNK + _TAG))
        self.begin(path)

    def begin(self, path: Path) -> None:
        """The next file, with a key of its own."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._cipher = ChaCha20Poly1305(os.urandom(32))
        self._counter = 0
        self._data = hashlib.sha256()
        self._sealed = hashlib.sha256()

    @property
    def free(self) -> memoryview:
        """Where the next bytes go."""
        return self.chunk[self.filled :]

    def took(self, count: int) -> None:
        """`count` bytes came into `free`."""
        self.filled += count
        if self.filled == CHUNK:
            self._seal()

    def _seal(self) -> None:
        data, out = self.chunk[: self.filled], self._out[: self.filled + _TAG]
        self._data.update(data)
        self._cipher.encrypt_into(struct.pack(">xxxxQ", self._counter), data, None, out)
        self._sealed.update(out)
        os.write(self._descriptor, out)
        self._counter += 1
        self.filled = 0

    def end(self, durable: bool = True) -> None:
        """Seal what is left; flush the file unless told not to, and close it."""
        self._seal()
        self._data.digest()
        self._sealed.digest()
        if durable:
            os.fdatasync(self._descriptor)
        os.close(self._descriptor)


def server_context(directory: Path) -> ssl.SSLContext:
    """The appliance's own TLS context: the same suites, mutual."""
    return tls.server_context(directory / "appliance.crt", directory / "appliance.key", directory / "site-ca.crt")


def main() -> None:
    """See above."""
    directory, into, each = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    context = server_context(directory)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        raw, _ = server.accept()
    with context.wrap_socket(raw, server_side=True) as connection:
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        received = files = 0
        sealer = Sealer(into / "0")
        left = each
        while count := connection.recv_into(sealer.free[:left]):
            sealer.took(count)
            received += count
            left -= count
            if not left:
                sealer.end()
                files, left = files + 1, each
                sealer.begin(into / str(files))
        sealer.end()
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
        suite = tls.describe(connection)
        connection.unwrap()
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    print(json.dumps({"bytes": received, "user": user, "system": system, "seconds": seconds, "tls": suite}))


if __name__ == "__main__":
    main()
