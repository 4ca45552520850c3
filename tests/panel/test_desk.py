"""Who asks gets the whole status; who dawdles is dropped."""

import socket
import threading
from pathlib import Path

import pytest

from appliance.base.errors import LocalError
from appliance.panel.desk import Desk, ask, desk_socket


def test_a_caller_gets_the_status(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    status = {"programs": {f"p{number}": {"state": "ok"} for number in range(5000)}}
    thread = threading.Thread(target=desk.answer, args=(status,))
    thread.start()
    assert ask(tmp_path) == status
    thread.join()
    desk.socket.close()


def test_a_caller_that_does_not_read_is_dropped(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(desk_socket(tmp_path)))
        desk.answer({"much": "x" * 10_000_000})
    desk.socket.close()


def test_without_a_panel_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="does not answer .* Does the appliance run"):
        ask(tmp_path)
