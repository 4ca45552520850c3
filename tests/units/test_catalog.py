"""Code, journald's catalogue and the page for people say the same of every event."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.base.catalogue import EVENTS
from appliance.base.events import Event, Level
from appliance.base.explanations import EXPLANATIONS, NOTHING_TO_DO, explanation
from appliance.cli.main import COMMANDS
from tests.units.machine import REPOSITORY, UNITS, run, tool

CATALOG = (UNITS / "appliance.catalog").read_text()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.code)
def test_every_event_is_explained(event: Event) -> None:
    words = explanation(event)
    assert words and all(len(line) <= 120 for line in words.splitlines())
    if event.level <= Level.WARNING:
        assert words != NOTHING_TO_DO and len(words) > 80
    assert CATALOG.count(f"-- {event.message_id}\nSubject: {event.code}: ") == 1
    assert f"\n## {event.code}\n" in (REPOSITORY / "docs/events.md").read_text()


def test_no_words_are_left_of_events_that_are_gone() -> None:
    assert set(EXPLANATIONS) <= {event.code for event in EVENTS}


def test_an_event_without_words_is_a_mistake_that_says_what_to_do() -> None:
    with pytest.raises(KeyError, match="NEW-EVENT needs words in base/explanations.py"):
        explanation(Event("NEW-EVENT", Level.ERROR, "x"))


def test_commands_and_files_that_are_named_exist() -> None:
    text = "\n".join(EXPLANATIONS.values()) + "\n".join(event.fix for event in EVENTS)
    for command in set(re.findall(r"`appliance ([a-z]+)", text)):
        assert command in COMMANDS, command
    for path in set(re.findall(r"\b((?:firmware-config|systemd)/[A-Za-z0-9._-]+\w)", text)):
        assert (REPOSITORY / path).exists(), path
    for unit in set(re.findall(r"\bappliance-[a-z-]+\.(?:socket|service)\b", text)):
        assert (UNITS / unit).exists(), unit


def test_journald_takes_the_catalogue_and_gives_every_entry_back(root: Path) -> None:
    (root / "var/lib/systemd/catalog").mkdir(parents=True)
    journalctl = tool("journalctl")
    updated = run(journalctl, f"--root={root}", "--update-catalog")
    assert (updated.returncode, updated.stderr) == (0, "")
    for event in EVENTS:
        shown = run(journalctl, f"--root={root}", "--dump-catalog", event.message_id)
        assert shown.returncode == 0, shown.stderr
        assert f"Subject: {event.code}: " in shown.stdout
        assert " ".join(explanation(event).split()) in " ".join(shown.stdout.split())


@pytest.mark.parametrize("page", ["README.md", "docs/operating.md"])
def test_every_code_that_a_person_is_told_of_is_an_event(page: str) -> None:
    codes = re.findall(r"`(?:APPLIANCE_EVENT=)?([A-Z]+-[A-Z-]+)`", (REPOSITORY / page).read_text())
    assert len(codes) > 5 and set(codes) <= {event.code for event in EVENTS}
