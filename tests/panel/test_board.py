"""The board knows who speaks, who fell silent and who never spoke."""

from appliance.panel.board import Board

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


def test_alerts_are_kept_beside_the_state() -> None:
    board = Board(0)
    board.post({"program": "receive", "stored": 3}, 1)
    for number in range(60):
        board.post({"program": "receive", "alert": {"src_ip": f"192.0.2.{number}"}}, 2)
    status = board.status(EXPECTED, 3)
    assert status["programs"]["receive"]["stored"] == 3
    assert status["alerts"]["count"] == 60 and len(status["alerts"]["latest"]) == 50
    assert status["alerts"]["latest"][-1] == {"program": "receive", "src_ip": "192.0.2.59"}


def test_programs_that_nobody_expected_are_shown_too() -> None:
    board = Board(0)
    board.post({"program": "sensor"}, 1)
    assert states(board, 2)["sensor"] == "ok"
