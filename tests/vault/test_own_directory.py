"""A directory of one program, before and after its disk is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.own_directory import OwnDirectory
from appliance.vault.refusals import Condition, DiskRefused


def test_it_is_made_when_the_disk_is_there_and_not_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = DiskRefused("/srv is not mounted, though /etc/fstab names it", Condition.MISSING)
    answers = [missing, None, None]
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: answers.pop(0))
    place = OwnDirectory(tmp_path, tmp_path / "alerts")
    assert not place.there() and not place.path.exists()
    assert place.there() and place.path.is_dir()
    assert place.there()


def test_one_that_cannot_be_made_is_told_by_who_uses_it(tmp_path: Path) -> None:
    (tmp_path / "alerts").write_bytes(b"")
    assert OwnDirectory(tmp_path, tmp_path / "alerts").there()
