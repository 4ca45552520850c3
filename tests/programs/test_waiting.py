"""`forward` before its disk is there. What the whole box does then, tests/e2e/test_disk.py shows."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.config.load import load_config
from appliance.host.reloading import Reloading
from appliance.host.signals import Signals
from appliance.host.snapshot import Collector
from appliance.programs import waiting
from appliance.programs.waiting import wait_for_mount
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.refusals import Condition, DiskRefused
from tests.config.files import VALID

MISSING = DiskRefused("/srv is not mounted, though /etc/fstab names it", Condition.MISSING)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "appliance.toml"
    path.write_text(
        VALID.replace("/var/lib/appliance", f"{tmp_path}/state").replace("/run/appliance", f"{tmp_path}/run")
    )
    return path


@pytest.fixture
def reloading(path: Path) -> Reloading:
    return Reloading(load_config(path), path, "forward")


@pytest.fixture
def signals() -> Iterator[Signals]:
    signals = Signals()
    yield signals
    signals.close()


def test_it_goes_on_when_the_disk_is_there(
    reloading: Reloading, signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [MISSING, MISSING, MISSING, None]
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: answers.pop(0))
    monkeypatch.setattr(waiting, "_EVERY", 0.001)
    assert wait_for_mount(reloading, signals) and not answers
    assert not reloading.config.appliance.state_dir.exists()


def test_it_ends_when_it_is_told_to(reloading: Reloading, signals: Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: MISSING)
    signal.raise_signal(signal.SIGTERM)
    assert not wait_for_mount(reloading, signals)


def test_where_nothing_is_missing_it_does_nothing(reloading: Reloading, signals: Signals) -> None:
    assert wait_for_mount(reloading, signals)
    assert not reloading.config.appliance.runtime_dir.exists()


def test_who_reloads_meanwhile_hears_what_became_of_it(
    reloading: Reloading, signals: Signals, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    good = path.read_text()
    collector = Collector(tmp_path / "run")
    collector.socket.settimeout(10)
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: MISSING)

    def save(text: str) -> None:
        path.write_text(text)
        signal.raise_signal(signal.SIGHUP)

    def from_another_thread() -> None:
        for text in (
            good.replace('"72h"', '"48h"'),
            good.replace("keep", "kep"),
            good.replace("file:/etc", "file:/new"),
        ):
            save(text)
            said.append(hear(hashlib.sha256(text.encode()).hexdigest()))
        signal.raise_signal(signal.SIGTERM)

    def hear(digest: str) -> dict[str, Any]:
        while True:
            received = collector.receive()
            assert received
            if received[1]["config"]["read"] == digest:
                return received[1]

    said: list[dict[str, Any]] = []
    asker = threading.Thread(target=from_another_thread)
    asker.start()
    assert not wait_for_mount(reloading, signals)
    asker.join()
    collector.close()
    assert reloading.config.vault.keep == 72 * 3600  # of the third, which is whole but for what takes a restart
    assert [(each["config_error"][-20:], each["config"]["restart"]) for each in said] == [
        ("", []),
        ('did you mean "keep"?', []),
        ("", ["vault.identity"]),
    ]
    assert all("not mounted" in each["medium"] for each in said)
