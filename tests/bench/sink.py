"""What the same load costs where nothing is done about it: accepts on two ports, and closes at once."""

from __future__ import annotations

import select
import socket
import sys


def main() -> None:
    """`python -m tests.bench.sink PORT PORT`, until killed."""
    servers = [socket.create_server(("127.0.0.1", int(port)), backlog=1024) for port in sys.argv[1:]]
    while True:
        for server in select.select(servers, [], [])[0]:
            server.accept()[0].close()


if __name__ == "__main__":
    main()
