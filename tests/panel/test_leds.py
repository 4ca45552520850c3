"""Lamps on a fake sysfs: what is written for every state, what a poor kernel gets, what happens without a lamp."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from appliance.config.panel import Leds
from appliance.panel.lamps import FAST, FLASH, FUNCTIONS, LIFE, OFF, ON, SLOW, TABLE, Row
from appliance.panel.leds import AGAIN, LATER, RENEW, Lamps, Led, find
from tests.panel.sysfs import TRIGGERS, blank, board, lamp, read


def play(pattern: str, repeat: str) -> list[tuple[int, int]]:
    """The levels as the kernel's trigger makes them: pairs with no time are hard edges, everything else would fade."""
    numbers = [int(word) for word in pattern.split()]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    assert len(pairs) % 2 == 0 and int(repeat) != 0
    shown = []
    for (level, length), (same, none) in zip(pairs[::2], pairs[1::2], strict=True):
        assert level == same and none == 0 and length > 0
        shown.append((level, length))
    return shown


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.key)
def test_every_state_is_written_for_the_kernel_to_play(row: Row, tmp_path: Path) -> None:
    path = lamp(tmp_path, "red", brightest=7)
    for pattern in (row.pattern, row.single):
        blank(path)
        assert Led(path).show(pattern)
        assert read(path, "trigger").startswith("pattern")
        shown = play(read(path, "pattern"), read(path, "repeat"))
        assert [(level // 7, length) for level, length in shown[: len(pattern.steps)]] == list(pattern.steps)
        if pattern.lasting:
            assert read(path, "repeat") == "-1"
            assert len(shown) == len(pattern.steps)
        else:
            assert shown[-1][0] == 0  # dark at the end
            whole = int(read(path, "repeat")) * sum(length for _, length in shown)
            assert RENEW * 1000 < whole <= LIFE * 1000 * 1.2


def test_a_kernel_without_patterns_blinks_with_a_timer(tmp_path: Path) -> None:
    path = lamp(tmp_path, "red", triggers="[none] timer")
    assert Led(path).show(FAST)
    assert read(path, "trigger").startswith("timer")
    assert (read(path, "delay_on"), read(path, "delay_off")) == ("200", "200")
    blank(path)
    (path / "trigger").write_text("none [timer]\n")
    assert Led(path).show(ON)
    assert (read(path, "trigger")[:4], read(path, "brightness")) == ("none", "255")


def test_a_kernel_without_triggers_has_a_steady_lamp(tmp_path: Path) -> None:
    path = lamp(tmp_path, "red", triggers="[none]", brightest=1)
    for pattern, level in ((FAST, "1"), (ON, "1"), (OFF, "0"), (FLASH, "1")):
        assert Led(path).show(pattern)
        assert read(path, "brightness")[:1] == level


def test_where_patterns_may_not_be_written_the_timer_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.panel.leds._MOMENT", 0.0)
    path = lamp(tmp_path, "red")
    (path / "pattern").unlink()  # for root has all rights: a missing file does for one that is closed
    led = Led(path)
    for _ in range(LATER):
        assert led.show(SLOW) and led.waits
        assert (read(path, "brightness"), read(path, "delay_on")) == ("255", "")
        (path / "trigger").write_text("none timer [pattern]\n")
    assert led.show(SLOW) and not led.waits
    assert read(path, "delay_on") == "1000"


def test_where_udev_hands_the_pattern_on_late_it_is_shown_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.panel.leds._MOMENT", 0.0)
    path = lamp(tmp_path / "leds", "edge:red:alarm")
    (path / "pattern").unlink()
    lamps = Lamps(find(None, tmp_path / "leds"), tmp_path / "lock")
    assert lamps.show({"alarm": FLASH}, 100.0) == AGAIN
    assert lamps.show({"alarm": FLASH}, 100.0 + AGAIN) == AGAIN
    (path / "pattern").touch()
    assert lamps.show({"alarm": FLASH}, 100.0 + 2 * AGAIN) is None
    assert play(read(path, "pattern"), read(path, "repeat")) == [(255, 200), (0, 1800)]
    assert read(path, "delay_on") == "", "no other rhythm meanwhile: it would mean something else"


def test_a_lamp_that_refuses_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = lamp(tmp_path, "red", triggers="[none]")
    (path / "brightness").unlink()
    led = Led(path)
    assert not led.show(ON) and not led.show(OFF)
    assert capsys.readouterr().err.count("LAMP-UNUSABLE: the lamp red cannot be used: No such file") == 1
    (path / "brightness").write_text("")
    assert led.show(ON)
    (path / "brightness").unlink()
    assert not led.show(OFF)
    assert "LAMP-UNUSABLE" in capsys.readouterr().err


def test_lamps_are_found_by_their_function(tmp_path: Path) -> None:
    made = board(tmp_path, *FUNCTIONS)
    lamp(tmp_path, "mmc0::")
    assert {function: led.path for function, led in find(None, tmp_path).items()} == made


def test_lamps_are_found_by_the_names_in_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board(tmp_path, "ready")
    lamp(tmp_path, "ACT")
    found = find(Leds(single="ACT", alarm="PWR"), tmp_path)
    assert {function: led.path.name for function, led in found.items()} == {"single": "ACT"}
    assert "the lamp PWR cannot be used: it is not there" in capsys.readouterr().err


def test_a_board_without_lamps_is_no_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert find(None, tmp_path / "none") == {}
    lamps = Lamps({}, tmp_path / "lock")
    assert lamps.show({"alarm": FAST}, 0.0) is None
    lamps.dark()
    assert capsys.readouterr().err == ""


def test_only_what_changed_is_written_and_what_would_end_is_renewed(tmp_path: Path) -> None:
    made = board(tmp_path, "ready", "alarm")
    lamps = Lamps(find(None, tmp_path), tmp_path / "lock")
    wanted = {"ready": ON, "alarm": FAST}
    assert lamps.show(wanted, 100.0) == RENEW
    for path in made.values():
        (path / "repeat").write_text("")
    assert lamps.show(wanted, 101.0) == pytest.approx(RENEW - 1)
    assert read(made["ready"], "repeat") == "" and read(made["alarm"], "repeat") == ""
    assert lamps.show(wanted, 100.0 + RENEW) == RENEW
    assert read(made["ready"], "repeat") == "1" and read(made["alarm"], "repeat") == ""
    assert lamps.show({"ready": OFF, "alarm": OFF}, 105.0) is None
    assert read(made["alarm"], "pattern") == "0 60000 0 0"


def test_a_lamp_that_systemd_took_is_taken_back(tmp_path: Path) -> None:
    path = lamp(tmp_path / "leds", "edge:red:alarm")
    lamps = Lamps(find(None, tmp_path / "leds"), tmp_path / "lock")
    lamps.show({"alarm": OFF}, 0.0)
    (path / "trigger").write_text("none [timer] pattern\n")
    assert Led(path).state()[0] == "timer"
    lamps.show({"alarm": OFF}, 100.0)
    assert Led(path).state()[0] == "pattern"
    (path / "pattern").write_text("untouched\n")
    lamps.show({"alarm": OFF}, 200.0)
    assert read(path, "pattern") == "untouched", "it is ours: nothing is written"


def test_while_somebody_tries_the_lamps_we_leave_them_alone(tmp_path: Path) -> None:
    made = board(tmp_path, "ready", "alarm")
    lamps = Lamps(find(None, tmp_path), tmp_path / "lock")
    lamps.show({"ready": ON, "alarm": FAST}, 100.0)
    other = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    for path in made.values():
        blank(path)
    assert lamps.show({"ready": OFF, "alarm": FAST}, 101.0) == RENEW
    assert read(made["ready"], "pattern") == ""
    os.close(other)
    lamps.show({"ready": ON, "alarm": FAST}, 102.0)
    assert read(made["alarm"], "repeat") == "-1"  # all of them again, whatever was done to them


def test_a_lamp_whose_driver_comes_late_is_shown_what_holds(tmp_path: Path) -> None:
    lamps = Lamps(find(None, tmp_path), tmp_path / "lock")
    assert lamps.show({"ready": ON, "alarm": FAST}, 100.0) is None
    made = board(tmp_path, "alarm")
    lamps.take_up(find(None, tmp_path, again=True))
    lamps.show({"ready": ON, "alarm": FAST}, 110.0)
    assert play(read(made["alarm"], "pattern"), "-1") == [(255, 200), (0, 200)]
    (made["alarm"] / "pattern").write_text("untouched\n")
    lamps.take_up(find(None, tmp_path, again=True))
    lamps.show({"ready": ON, "alarm": FAST}, 120.0)
    assert read(made["alarm"], "pattern") == "untouched", "the same lamp as before"


@pytest.mark.parametrize("triggers", [TRIGGERS, "[none]"])
def test_a_lamp_that_was_unplugged_is_shown_what_holds_when_it_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], triggers: str
) -> None:
    path = lamp(tmp_path / "leds", "edge:red:alarm", triggers)
    lamps = Lamps(find(None, tmp_path / "leds"), tmp_path / "lock")
    lamps.show({"alarm": FAST}, 100.0)
    path.rename(tmp_path / "unplugged")
    lamps.take_up(find(None, tmp_path / "leds", again=True))
    assert lamps.show({"alarm": FAST}, 110.0) is None
    path = lamp(tmp_path / "leds", "edge:red:alarm", triggers)
    lamps.take_up(find(None, tmp_path / "leds", again=True))
    lamps.show({"alarm": FAST}, 120.0)
    shown = "pattern" if "pattern" in triggers else "brightness"
    assert read(path, shown).startswith("255")
    assert capsys.readouterr().err == ""


def test_a_lamp_that_refused_is_tried_again_whatever_it_is_to_show(tmp_path: Path) -> None:
    path = lamp(tmp_path / "leds", "edge:red:alarm", "[none]")
    (path / "brightness").rename(path / "closed")
    lamps = Lamps(find(None, tmp_path / "leds"), tmp_path / "lock")
    assert lamps.show({"alarm": FAST}, 100.0) == RENEW, "FAST would go on by itself, had it been taken"
    (path / "closed").rename(path / "brightness")
    assert lamps.show({"alarm": FAST}, 100.0 + RENEW) is None
    assert read(path, "brightness") == "255"


def test_a_named_lamp_that_is_missing_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    find(Leds(alarm="PWR"), tmp_path)
    find(Leds(alarm="PWR"), tmp_path, again=True)
    assert capsys.readouterr().err.count("it is not there") == 1
