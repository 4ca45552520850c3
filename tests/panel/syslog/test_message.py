"""Records as RFC 5424 wants them: the grammar, the lengths, and nothing that a peer could slip in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base import limits
from appliance.panel.syslog.message import Message, frame, render

# RFC 5424 section 6, as far as we use it.
PRINTUS = r"[\x21-\x7e]"
PARAM = r'[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}="(?:[^"\\\]]|\\["\\\]])*"'
RECORD = re.compile(
    rf"<(\d{{1,3}})>1 \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z {PRINTUS}{{1,255}} {PRINTUS}{{1,48}} "
    rf"{PRINTUS}{{1,128}} {PRINTUS}{{1,32}} ((?:\[{PRINTUS}{{1,32}}?(?: {PARAM})*\])+)(?: [\x20-\x7e]*)?"
)
ALERT = Message(2, 1700000000.5, "sensor", "D01", (("source", "192.0.2.9"), ("empty", "")), "stranger: look", 77)


def test_a_record() -> None:
    assert render(ALERT, 12, "edge01", True).decode() == (
        "<82>1 2023-11-14T22:13:20.500000Z edge01 appliance-sensor 77 D01 "
        '[timeQuality tzKnown="1" isSynced="1"][meta sequenceId="12"]'
        '[origin software="pacs-appliance" swVersion="0.1.0"][appliance@32473 source="192.0.2.9"] stranger: look'
    )


def test_a_clock_that_is_not_set_is_said() -> None:
    assert b'isSynced="0"' in render(ALERT, 1, "edge01", False)


@given(
    text=st.text(max_size=5000),
    value=st.text(max_size=300),
    kind=st.text(max_size=60),
    program=st.text(max_size=60),
    host=st.text(max_size=300),
    number=st.integers(1, 1 << 70),
)
def test_whatever_stands_in_it_it_is_one_record(
    text: str, value: str, kind: str, program: str, host: str, number: int
) -> None:
    message = Message(4, 0.0, program, kind, (("source", value), ("title", value)), text)
    record = render(message, number, host, True)
    assert len(record) <= limits.SYSLOG_RECORD.default
    found = RECORD.fullmatch(record.decode("ascii"))
    assert found, record
    assert int(found[1]) == 84
    assert 1 <= int(re.findall(r'sequenceId="(\d+)"', found[2])[0]) <= 2147483647
    assert frame(record) == str(len(record)).encode() + b" " + record


@pytest.mark.parametrize("value", ['"', "]", "\\", '"] <13>1 - - - - - -', "a\nb", "\x00"])
def test_a_value_cannot_end_its_element(value: str) -> None:
    record = render(Message(4, 0.0, "sensor", "D01", (("source", value),), "x"), 1, "h", True).decode()
    assert record.endswith("] x") and record.count("[") == 4
    assert RECORD.fullmatch(record)


def test_many_long_values_leave_room() -> None:
    data = tuple((f"name{number}", '"' * 300) for number in range(14))
    record = render(Message(4, 0.0, "sensor", "D01", data, "y" * 5000), 1, "h" * 255, True)
    assert len(record) <= limits.SYSLOG_RECORD.ceiling
