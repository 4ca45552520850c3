"""Reports arrive with the kernel's word on who sent them, and never hold anybody up."""

import os
import time
from pathlib import Path

import pytest

from appliance.base.errors import LocalError
from appliance.host.snapshot import Collector, Reporter, panel_socket


def test_a_report_arrives_with_the_senders_uid(tmp_path: Path) -> None:
    collector, reporter = Collector(tmp_path), Reporter(tmp_path, "receive")
    assert reporter.send({"stored": 3})
    received = collector.receive()
    assert received is not None
    uid, snapshot = received
    assert uid == os.geteuid()
    assert snapshot == {"program": "receive", "pid": os.getpid(), "dropped": 0, "stored": 3}
    collector.close()
    reporter.close()


def test_without_a_panel_reports_are_dropped_and_counted(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, "receive")
    assert not reporter.send({}) and not reporter.send({})
    collector = Collector(tmp_path)
    assert reporter.send({})
    received = collector.receive()
    assert received is not None and received[1]["dropped"] == 2
    collector.close()
    reporter.close()


def test_a_panel_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    collector, reporter = Collector(tmp_path), Reporter(tmp_path, "receive")
    began = time.monotonic()
    taken = sum(reporter.send({"n": number}) for number in range(1000))
    assert time.monotonic() - began < 1
    assert 0 < taken < 1000 and reporter.dropped == 1000 - taken
    collector.close()
    reporter.close()


def test_what_is_no_snapshot_is_passed_over(tmp_path: Path) -> None:
    collector, reporter = Collector(tmp_path), Reporter(tmp_path, "receive")
    for junk in (b"\xff\x00", b"[]", b'{"program": 3}', b""):
        reporter._socket.sendto(junk, str(panel_socket(tmp_path)))
        assert collector.receive() is None
    collector.close()
    reporter.close()


def test_the_name_goes_with_the_panel(tmp_path: Path) -> None:
    Collector(tmp_path).close()
    assert not list(tmp_path.iterdir())
    collector = Collector(tmp_path)
    panel_socket(tmp_path).unlink()
    collector.close()


def test_a_name_of_another_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", forbidden)
    with pytest.raises(LocalError, match=r"panel\.sock belongs to another user"):
        Collector(tmp_path)


def test_a_program_with_much_to_say_is_heard_whole_and_with_far_too_much_in_part(tmp_path: Path) -> None:
    collector, reporter = Collector(tmp_path), Reporter(tmp_path, "forward")
    destinations = {f"destination {number}": {"error": "x" * 600} for number in range(250)}
    assert reporter.send({"objects": 1, "destinations": destinations})
    received = collector.receive()
    assert received is not None and received[1]["destinations"] == destinations
    too_much = {f"destination {number}": {"error": "x" * 600} for number in range(20_000)}
    assert reporter.send({"objects": 1, "destinations": too_much})
    received = collector.receive()
    assert received is not None and (received[1]["objects"], received[1]["pid"]) == (1, os.getpid())
    assert "destinations" not in received[1] and reporter.dropped == 1
    assert not reporter.send({"alert": too_much}), "without it these words would be another's: the state of the program"
    collector.close()
    reporter.close()
