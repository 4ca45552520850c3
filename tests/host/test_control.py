from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError, LocalError
from appliance.delivery.control import control_socket
from appliance.host.control import Control, Request, ask


def refuse(_: Request) -> dict[str, str]:
    raise ConfigError("there is no destination of that name")


def crash(_: Request) -> dict[str, str]:
    raise ZeroDivisionError


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    where = control_socket(tmp_path)
    control = Control(where, {"echo": lambda request: {"got": request["value"]}, "refuse": refuse, "crash": crash})
    control.start()
    yield where
    control.stop()
    assert not where.exists()


def exchange(path: Path, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return stream.read()


def test_a_request_is_answered(path: Path) -> None:
    assert ask(path, {"op": "echo", "value": [1, 2]}) == {"got": [1, 2]}


def test_several_requests_are_answered_in_order(path: Path) -> None:
    lines = b'{"op":"echo","value":1}\n{"op":"echo","value":2}\n'
    assert exchange(path, lines) == b'{"got":1}\n{"got":2}\n'


def test_only_our_user_can_open_it(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_refusal_reaches_the_client_as_an_error(path: Path) -> None:
    with pytest.raises(LocalError, match="no destination"):
        ask(path, {"op": "refuse"})


@pytest.mark.parametrize("junk", [b"\n", b"{\n", b"[]\n", b'"x"\n', b'{"op":[]}\n', b'{"op":"none"}\n', b"\xff\n"])
def test_junk_is_answered_with_an_error(path: Path, junk: bytes) -> None:
    assert "error" in json.loads(exchange(path, junk))


def test_an_endless_line_ends_the_connection_and_nothing_else(path: Path) -> None:
    try:
        exchange(path, b"x" * 200_000)
    except OSError:
        pass  # closed while we wrote
    assert ask(path, {"op": "echo", "value": 1}) == {"got": 1}


def test_a_crash_ends_one_connection_and_nothing_else(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert exchange(path, b'{"op":"crash"}\n') == b""
    assert ask(path, {"op": "echo", "value": 1}) == {"got": 1}
    assert "INTERNAL-ERROR" in capfd.readouterr().err


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="does not answer"):
        ask(tmp_path / "none.sock", {"op": "echo"})


def test_why_there_is_no_answer_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with pytest.raises(LocalError, match="it is not running. Start it: systemctl start appliance-forward"):
        ask(path, {"op": "x"})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        with pytest.raises(LocalError, match="it is not running"):  # one that ended leaves its socket behind
            ask(path, {"op": "x"})
        listener.listen()
        with pytest.raises(LocalError, match="does not answer within 0 s. Try again"):
            ask(path, {"op": "x"}, patience=0.05)

    def refuse(*_: object) -> None:
        raise PermissionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        with pytest.raises(LocalError, match="forward does not answer us. Run this as root"):
            ask(path, {"op": "x"})
