"""Started by QEMU for a connection that the guest makes: carries it to a port of this machine's loopback."""

from __future__ import annotations

import os
import socket
import sys
import threading


def main() -> None:
    """Standard input and output are the guest's end."""
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as outside:
        outside.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_out, args=(outside,), daemon=True).start()
        while some := outside.recv(65536):
            left = memoryview(some)
            while left:
                left = left[os.write(1, left) :]


def _out(outside: socket.socket) -> None:
    try:
        while some := os.read(0, 65536):
            outside.sendall(some)
        outside.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other end is gone, and the other direction ends with it


if __name__ == "__main__":
    main()
