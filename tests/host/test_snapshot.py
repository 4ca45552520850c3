"""Reports arrive with the kernel's word on who sent them, and never hold anybody up."""

import os
import time
from pathlib import Path

import pytest

from appliance.base import limits
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
    reporter.tell(too_much)  # a part of it would be another's words: the state of the program
    assert reporter.tell({"n": 1}) and reporter.dropped == 2
    received = collector.receive()
    assert received is not None and received[1]["alert"] == {"n": 1}
    collector.close()
    reporter.close()


def test_more_alerts_than_the_kernel_queues_arrive_all_and_in_order(tmp_path: Path) -> None:
    collector, reporter = Collector(tmp_path), Reporter(tmp_path, "receive")
    collector.socket.settimeout(10)
    went = [reporter.tell({"n": number}) for number in range(100)]
    assert went[0] and not went[-1]
    reporter.send({"state": 1})
    found = [collector.receive() for _ in range(100)]
    assert [each[1]["alert"]["n"] for each in found if each] == list(range(100))
    assert reporter.dropped == 1  # the snapshot
    reporter.close()
    collector.close()


def test_alerts_wait_for_a_panel_that_is_away_and_behind_a_snapshot(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path, "respond")
    for number in range(limits.ALERT_BACKLOG.default + 3):
        assert not reporter.tell({"n": number})
    assert reporter.dropped == 3
    collector = Collector(tmp_path)
    collector.socket.settimeout(10)
    assert reporter.send({"state": 1})
    found = [collector.receive() for _ in range(limits.ALERT_BACKLOG.default + 1)]
    states = [number for number, each in enumerate(found) if each and "state" in each[1]]
    alerts = [each[1]["alert"]["n"] for each in found if each and "alert" in each[1]]
    assert len(states) == 1 and states[0] <= 1  # the panel hears that it lives before the rest
    assert alerts == list(range(3, limits.ALERT_BACKLOG.default + 3))
    reporter.close()
    collector.close()
