"""The board knows who speaks, who fell silent and who never spoke."""

import pytest

from appliance.panel.board import KEPT_RULES, MOVING, Board

EXPECTED = ("receive", "forward")


def states(board: Board, now: float) -> dict[str, str]:
    return {name: said["state"] for name, said in board.status(EXPECTED, now)["programs"].items()}


def test_states_of_programs() -> None:
    board = Board(100)
    assert states(board, 101) == {"receive": "starting", "forward": "starting"}
    board.post({"program": "receive", "stored": 3}, 102)
    assert board.status(EXPECTED, 103)["programs"]["receive"]["stored"] == 3
    assert states(board, 103)["receive"] == "ok"
    assert states(board, 140) == {"receive": "silent", "forward": "never"}
    board.post({"program": "receive", "stopped": True}, 141)
    assert states(board, 200)["receive"] == "stopped"


def test_a_program_that_is_expected_later_has_its_moment_too() -> None:
    board = Board(100)
    assert board.status((), 101)["programs"] == {}
    board.status(EXPECTED, 102)
    later = board.status((*EXPECTED, "sensor"), 900)["programs"]
    assert (later["sensor"]["state"], later["sensor"]["since"]) == ("starting", 900)
    assert later["receive"]["state"] == "never"
    assert board.status((*EXPECTED, "sensor"), 930)["programs"]["sensor"]["state"] == "never"
    board.status(EXPECTED, 940)
    assert board.status((*EXPECTED, "sensor"), 950)["programs"]["sensor"]["state"] == "starting"


def test_alerts_are_kept_beside_the_state() -> None:
    board = Board(0)
    board.post({"program": "receive", "stored": 3}, 1)
    for number in range(60):
        board.post({"program": "receive", "alert": {"src_ip": f"192.0.2.{number}"}}, 2)
    status = board.status(EXPECTED, 3)
    assert status["programs"]["receive"]["stored"] == 3
    assert status["alerts"]["count"] == 60 and len(status["alerts"]["latest"]) == 50
    assert status["alerts"]["latest"][-1] == {"program": "receive", "seen": 2, "src_ip": "192.0.2.59"}
    assert status["alerts"]["rules"] == [["receive", "?", 3, 60]]


def test_alerts_are_counted_by_rule_and_not_without_end() -> None:
    board = Board(0)
    for number in range(KEPT_RULES + 50):
        for _ in range(2):
            board.post({"program": "sensor", "alert": {"alert": {"signature_id": f"D{number}", "severity": 1}}}, 1)
    board.post({"program": "sensor", "alert": {"alert": {"signature_id": "D0", "severity": 2}}}, 1)
    board.post({"program": "sensor", "alert": {"alert": "odd"}}, 1)
    rules = board.status(EXPECTED, 2)["alerts"]["rules"]
    assert len(rules) == KEPT_RULES and ["sensor", "D0", 1, 2] in rules


def test_since_when_a_program_is_as_it_is() -> None:
    board = Board(100)
    assert board.status(EXPECTED, 105)["programs"]["receive"]["since"] == 100
    board.post({"program": "receive", "pid": 1}, 110)
    board.post({"program": "receive", "pid": 1}, 120)
    assert board.status(EXPECTED, 121)["programs"]["receive"]["since"] == 110
    board.post({"program": "receive", "pid": 2}, 130)  # a restart that nobody noticed
    assert board.status(EXPECTED, 131)["programs"]["receive"]["since"] == 130
    silent = board.status(EXPECTED, 200)["programs"]["receive"]
    assert (silent["state"], silent["since"]) == ("silent", 130)
    board.post({"program": "receive", "pid": 2}, 210)
    assert board.status(EXPECTED, 211)["programs"]["receive"]["since"] == 210


def test_a_program_that_is_gone_is_known_at_once() -> None:
    board = Board(0)
    board.post({"program": "receive", "pid": 7}, 1)
    board.ended("receive", 8, 2)  # another one, of before
    assert states(board, 2)["receive"] == "ok"
    board.ended("receive", 7, 3)
    said = board.status(EXPECTED, 4)["programs"]["receive"]
    assert (said["state"], said["since"]) == ("ended", 3)
    board.post({"program": "receive", "pid": 9}, 5)
    assert states(board, 6)["receive"] == "ok"


def test_one_that_said_it_stops_did_not_end_by_itself() -> None:
    board = Board(0)
    board.post({"program": "receive", "pid": 7, "stopped": True}, 1)
    board.ended("receive", 7, 2)
    assert states(board, 3)["receive"] == "stopped"
    board.ended("nobody", 7, 2)


def rises(board: Board, now: float) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = board.status(EXPECTED, now)["programs"]["sensor"]["rises"]
    return found


def test_losses_are_remembered_with_their_times() -> None:
    board = Board(0)
    board.post({"program": "sensor", "pid": 1, "dropped_packets": 5}, 1)
    assert rises(board, 2) == {}  # what was before we looked is nobody's news
    board.post({"program": "sensor", "pid": 1, "dropped_packets": 8}, 10)
    board.post({"program": "sensor", "pid": 1, "dropped_packets": 8}, 20)
    board.post({"program": "sensor", "pid": 1, "dropped_packets": 9}, 30)
    assert rises(board, 31) == {"dropped_packets": {"first": 10, "last": 30, "by": 4}}
    board.post({"program": "sensor", "pid": 2, "dropped_packets": 100}, 40)  # another process: its own beginning
    assert rises(board, 41)["dropped_packets"]["by"] == 4
    board.post({"program": "sensor", "pid": 2, "dropped_packets": 101}, 9000)
    assert rises(board, 9001)["dropped_packets"] == {"first": 9000, "last": 9000, "by": 1}


def test_instances_under_way_are_seen_for_a_moment() -> None:
    board = Board(0)
    for at, octets in ((1, 10), (2, 10), (3, 20)):
        board.post({"program": "receive", "pid": 1, "stored_bytes": octets}, at)
        assert board.status(EXPECTED, at)["moving"] is (at == 3)
    assert not board.status(EXPECTED, 3 + MOVING)["moving"]


def test_a_snapshot_of_odd_values_is_shown_and_breaks_nothing() -> None:
    board = Board(0)
    for stored in ("x", None, [1], {}):
        board.post({"program": "receive", "pid": 1, "stored_bytes": stored, "not_stored": stored}, 1)
    assert states(board, 2)["receive"] == "ok"


def test_programs_that_nobody_expected_are_shown_too() -> None:
    board = Board(0)
    board.post({"program": "sensor"}, 1)
    assert states(board, 2)["sensor"] == "ok"


@pytest.mark.parametrize("step", [86400.0 * 900, -7200.0])
def test_a_clock_that_is_set_makes_nobody_silent_and_nothing_longer_ago(step: float) -> None:
    board = Board(1000)
    board.status((*EXPECTED, "sensor"), 1000)
    board.post({"program": "receive", "not_stored": 0, "pid": 1}, 1001)
    board.post({"program": "receive", "not_stored": 3, "pid": 1, "stored_bytes": 9}, 1002)
    board.post({"program": "forward", "pid": 2}, 1002)
    board.ended("forward", 2, 1003)
    board.post({"program": "receive", "alert": {"src_ip": "192.0.2.1"}}, 1004)
    before = board.status((*EXPECTED, "sensor"), 1005)
    board.clock_was_set(step)
    after = board.status((*EXPECTED, "sensor"), 1005 + step)
    assert [said["state"] for said in after["programs"].values()] == ["ok", "ended", "starting"]
    assert after["moving"] == before["moving"]
    for name, said in after["programs"].items():
        assert said["since"] == before["programs"][name]["since"] + step
    assert after["programs"]["sensor"]["seen"] is None
    assert after["programs"]["receive"]["rises"]["not_stored"] == {"first": 1002 + step, "last": 1002 + step, "by": 3}
    assert after["alerts"]["latest"][0]["seen"] == 1004 + step
