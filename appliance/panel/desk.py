"""The desk: answers who asks for the status on an AF_UNIX socket with one JSON document, then closes."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from appliance.base.errors import LocalError
from appliance.host.snapshot import clear_name, release


def desk_socket(runtime_dir: Path) -> Path:
    """Where the panel answers."""
    return runtime_dir / "status.sock"


class Desk:
    """The panel's side."""

    def __init__(self, runtime_dir: Path) -> None:
        self._path = path = desk_socket(runtime_dir)
        clear_name(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.bind(str(path))
        path.chmod(0o660)
        self.socket.listen(16)

    def close(self) -> None:
        """Release the socket and its name."""
        release(self.socket, self._path)

    def answer(self, status: dict[str, Any]) -> None:
        """Serve one caller. A caller that does not read is dropped: nothing waits for it."""
        try:
            caller, _ = self.socket.accept()
        except OSError:
            return
        with caller:
            caller.settimeout(1.0)
            try:
                caller.sendall(json.dumps(status).encode())
            except OSError:
                pass


def ask(runtime_dir: Path) -> dict[str, Any]:
    """The caller's side: the status of the running appliance."""
    path = desk_socket(runtime_dir)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(5.0)
        try:
            caller.connect(str(path))
            pieces = list(iter(lambda: caller.recv(65536), b""))
        except OSError as error:
            raise LocalError(
                f"the panel does not answer at {path}: {error.strerror or 'it took too long'}",
                fix="Does the appliance run (systemctl status appliance.target, or `appliance run`), and may you ask?",
            ) from None
    answer: dict[str, Any] = json.loads(b"".join(pieces))
    return answer
