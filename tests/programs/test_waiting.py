"""`forward` before its disk is there. What the whole box does then, tests/e2e/test_disk.py shows."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config.load import parse_config
from appliance.config.model import Config
from appliance.host.signals import Signals
from appliance.programs import waiting
from appliance.programs.waiting import wait_for_mount
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.refusals import Condition, DiskRefused
from tests.config.files import VALID

MISSING = DiskRefused("/srv is not mounted, though /etc/fstab names it", Condition.MISSING)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = parse_config(VALID.encode())
    places = config.appliance.model_copy(update={"state_dir": tmp_path / "state", "runtime_dir": tmp_path / "run"})
    return config.model_copy(update={"appliance": places})


@pytest.fixture
def signals() -> Iterator[Signals]:
    signals = Signals()
    yield signals
    signals.close()


def test_it_goes_on_when_the_disk_is_there(config: Config, signals: Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [MISSING, MISSING, MISSING, None]
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: answers.pop(0))
    monkeypatch.setattr(waiting, "_EVERY", 0.001)
    assert wait_for_mount(config, signals) and not answers
    assert signals.reload  # a file that was changed meanwhile is read
    assert not config.appliance.state_dir.exists()


def test_it_ends_when_it_is_told_to(config: Config, signals: Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: MISSING)
    signal.raise_signal(signal.SIGTERM)
    assert not wait_for_mount(config, signals)


def test_where_nothing_is_missing_it_does_nothing(config: Config, signals: Signals) -> None:
    assert wait_for_mount(config, signals)
    assert not config.appliance.runtime_dir.exists() and not signals.reload
