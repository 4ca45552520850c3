"""Only catalogued words and washed fields reach the log."""

import re

import pytest

from appliance.base import catalogue
from appliance.base.events import Event, Level
from appliance.host import log

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ \w+ [A-Z-]+: [ -~…]*\n")


def test_a_line_is_plain_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("receive")
    log.log(catalogue.CONNECTION_REFUSED, address="192.0.2.1", reason="too many", advice="Look at the device.")
    line = capsys.readouterr().err
    assert LINE.fullmatch(line)
    assert line.endswith("closed a connection from 192.0.2.1: too many. Look at the device.\n")


def test_fields_are_washed_and_strangers_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    log.log(catalogue.CONNECTION_REFUSED, address="a\nb\x1b[31m", reason="r" * 1000, patient="Quillfeather")
    line = capsys.readouterr().err
    assert LINE.fullmatch(line) and "Quillfeather" not in line and len(line) < 600


def test_below_the_threshold_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    log.log(Event("QUIET", Level.DEBUG, "quiet"))
    assert not capsys.readouterr().err


@pytest.mark.parametrize("event", catalogue.EVENTS, ids=lambda event: event.code)
def test_every_event_is_complete(event: Event, capsys: pytest.CaptureFixture[str]) -> None:
    log.render(event, {})
    assert re.fullmatch(r"[A-Z]+(-[A-Z]+)*", event.code) and re.fullmatch(r"[0-9a-f]{32}", event.message_id)
    assert event.level > Level.WARNING or event.fix or "{" in event.line
    assert event.lamp in ("", "ready", "traffic", "backlog", "alarm")


def test_codes_are_unique() -> None:
    assert len({event.code for event in catalogue.EVENTS}) == len(catalogue.EVENTS) > 20


def test_journald_gets_the_message_id_and_allow_listed_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    class Journal:
        @staticmethod
        def send(message: str, **fields: object) -> None:
            sent.append((message, fields))

    monkeypatch.setattr(log, "journal", Journal)
    event = catalogue.CONNECTION_REFUSED
    log._to_journal(event, *log.render(event, {"address": "192.0.2.1", "reason": "r", "advice": "a", "other": "x"}))
    ((message, fields),) = sent
    assert message == "CONNECTION-REFUSED: closed a connection from 192.0.2.1: r. a"
    assert fields["MESSAGE_ID"] == event.message_id and fields["PRIORITY"] == 4
    assert fields["APPLIANCE_ADDRESS"] == "192.0.2.1" and "APPLIANCE_OTHER" not in fields
