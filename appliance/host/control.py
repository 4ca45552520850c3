"""A program's control socket: how commands ask it for what it alone knows or may do.

An AF_UNIX stream; one JSON object a line in, one a line out. Who connects must be root or our own user, by the kernel's
word.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from appliance.base import limits
from appliance.base.catalogue import INTERNAL_ERROR
from appliance.base.errors import ApplianceError, LocalError
from appliance.host.log import log
from appliance.host.peercred import trusted
from appliance.host.snapshot import clear_name

Request = dict[str, Any]
Operation = Callable[[Request], dict[str, Any]]

_PATIENCE = 5.0  # seconds for a client to send its request, so that a silent one blocks the socket no longer


class Control:
    """Answers requests from a thread of its own, one client at a time. `operations` are found by the request's "op"."""

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        self._path = path
        self._operations = operations
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        clear_name(path)
        previous = os.umask(0o177)
        try:
            self._socket.bind(str(path))
        except OSError as error:
            raise LocalError(f"cannot listen on {path}: {error.strerror}", fix="Check runtime_dir.") from None
        finally:
            os.umask(previous)
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End. The socket's name goes, so that clients know at once."""
        self._path.unlink(missing_ok=True)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                try:
                    if trusted(connection):
                        self._serve(connection)
                except OSError:
                    pass  # the client left or was too slow
                except Exception as error:  # noqa: BLE001, one client's request must not end the socket
                    log(INTERNAL_ERROR, kind=type(error).__name__, where="control")

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        with connection.makefile("rwb") as stream:
            while line := stream.readline(limits.CONTROL_MESSAGE.default):
                stream.write(json.dumps(self._answer(line), separators=(",", ":")).encode() + b"\n")
                stream.flush()
                if not line.endswith(b"\n"):
                    return

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            operation = self._operations[request["op"]]
        except (ValueError, KeyError, TypeError):
            return {"error": f"a request is a JSON object with op: one of {', '.join(sorted(self._operations))}"}
        try:
            return operation(request)
        except ApplianceError as error:
            return {"error": str(error)}


def ask(path: Path, request: Request, patience: float = _PATIENCE, who: str = "forward") -> dict[str, Any]:
    """A client's side: one request, one answer. Raises LocalError when `who` has none within `patience` seconds."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(patience)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                answer = json.loads(stream.read())
    except (OSError, ValueError) as error:
        raise _no_answer(error, who, patience) from None
    if not isinstance(answer, dict) or "error" in answer:
        raise LocalError(str(answer.get("error", "?")) if isinstance(answer, dict) else f"{who} answered nonsense")
    return answer


def _no_answer(error: Exception, who: str, patience: float) -> LocalError:
    """Why there is none, and what to do about that."""
    match error:
        case FileNotFoundError() | ConnectionRefusedError():
            start = f"Start it: systemctl start appliance-{who}, or `appliance run`."
            return LocalError(f"{who} does not answer: it is not running", fix=start)
        case TimeoutError():
            look = f"Try again; its log may say more: journalctl -u appliance-{who} -n 50."
            return LocalError(f"{who} does not answer within {patience:.0f} s", fix=look)
    return LocalError(f"{who} does not answer us", fix="Run this as root (sudo), or as its user.")
