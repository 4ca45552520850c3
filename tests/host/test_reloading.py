"""The configuration in force changes whole or not at all, and what became of the file is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.config.load import load_config
from appliance.config.model import Config
from appliance.host.reloading import Reloading
from appliance.host.watched_files import WatchedFiles

TEXT = """
[appliance]
ae_title = "EDGE01"
[receive]
listen_plain = ["127.0.0.1:104"]
client_ca = "{ca}"
[vault]
recipients = ["age1{q}"]
"""


class Program:
    """A program that takes up what it is given, unless it is told to refuse."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = 0.0
        self.taken: list[tuple[str, bool]] = []
        self.refusal: Exception | None = None
        self.reloading = Reloading(load_config(path), path, "receive", self.apply, files=self.files)

    def apply(self, config: Config, renewed: bool) -> None:
        if self.refusal:
            raise self.refusal
        self.taken.append((config.appliance.ae_title, renewed))

    @staticmethod
    def files(config: Config) -> list[Path]:
        return [config.receive.client_ca] if config.receive.client_ca else []

    def save(self, text: str) -> None:
        self.path.write_text(text)
        self.rest()

    def rest(self) -> None:
        self.reloading.attend()
        self.clock += 60
        self.reloading.attend()

    @property
    def error(self) -> str:
        return str(self.reloading.snapshot()["config_error"])


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    (tmp_path / "ca").write_text("1")
    path = tmp_path / "appliance.toml"
    path.write_text(TEXT.format(ca=tmp_path / "ca", q="q" * 58))
    made: list[Program] = []
    before = WatchedFiles.__init__
    monkeypatch.setattr(
        WatchedFiles,
        "__init__",
        lambda self, paths, **more: before(self, paths, **more, now=lambda: made[0].clock if made else 0.0),
    )
    made.append(Program(path))
    return made[0]


Said = Callable[[], list[str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: [line for line in capsys.readouterr().err.splitlines() if "CONFIG" in line]


def test_a_saved_file_is_in_force(program: Program, said: Said) -> None:
    before = program.reloading.snapshot()["config"]
    program.save(program.path.read_text().replace("EDGE01", "EDGE02"))
    now = program.reloading.snapshot()["config"]
    assert program.taken == [("EDGE02", False)]
    assert program.reloading.config.appliance.ae_title == "EDGE02"
    assert (now["reloads"], now["read"], now["restart"]) == (1, now["digest"], [])
    assert before["digest"] != now["digest"]
    (line,) = said()
    assert "CONFIG-LOADED" in line and "changed [appliance]" in line


def test_a_broken_file_changes_nothing_and_is_quoted(program: Program, said: Said) -> None:
    good = program.path.read_text()
    program.save(good.replace("ae_title", "ae_titel"))
    assert program.taken == []
    assert program.reloading.config.appliance.ae_title == "EDGE01"
    assert program.error == f'{program.path}:3: appliance.ae_titel: unknown key; did you mean "ae_title"?'
    snapshot = program.reloading.snapshot()["config"]
    assert snapshot["read"] != snapshot["digest"]
    assert "CONFIG-REJECTED" in said()[0]
    program.save(good)
    assert program.error == ""
    assert program.taken == []  # it is what was in force all the time
    assert "CONFIG-LOADED" in said()[0]


def test_what_the_program_refuses_is_quoted_and_tried_again_when_a_file_of_it_changes(
    program: Program, said: Said, tmp_path: Path
) -> None:
    program.refusal = ConfigError("cannot use the CA file", fix="Give PEM.")
    (tmp_path / "other").write_text("broken")
    program.save(program.path.read_text().replace(f"{tmp_path}/ca", f"{tmp_path}/other"))
    assert program.error == "cannot use the CA file. Give PEM."
    assert str(program.reloading.config.receive.client_ca) == f"{tmp_path}/ca"
    program.refusal = None
    (tmp_path / "other").write_text("mended")
    program.rest()
    assert program.error == ""
    assert program.taken == [("EDGE01", True)]
    assert str(program.reloading.config.receive.client_ca) == f"{tmp_path}/other"


def test_an_unforeseen_error_ends_nothing(program: Program) -> None:
    program.refusal = ZeroDivisionError("secret text")
    program.save(program.path.read_text().replace("EDGE01", "EDGE02"))
    assert program.error == "unforeseen ZeroDivisionError"
    program.refusal = None
    program.reloading.reload()
    assert program.taken == [("EDGE02", True)]


def test_a_replaced_certificate_is_told(program: Program, said: Said, tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("2")
    program.rest()
    assert program.taken == [("EDGE01", True)]
    assert "certificates, keys or lists replaced" in said()[0]


def test_a_file_that_was_only_touched_is_no_news(program: Program, said: Said, tmp_path: Path) -> None:
    program.path.touch()
    (tmp_path / "ca").touch()
    program.rest()
    assert program.taken == []
    assert said() == []
    assert program.reloading.snapshot()["config"]["reloads"] == 1


def test_who_is_told_to_reload_does(program: Program, said: Said) -> None:
    program.reloading.reload()
    assert program.taken == [("EDGE01", True)]
    assert "nothing changed" in said()[0]
    program.rest()
    assert len(program.taken) == 1


def test_a_change_that_takes_a_restart_is_said_once(program: Program, said: Said) -> None:
    program.save(program.path.read_text().replace(":104", ":105").replace("EDGE01", "EDGE02"))
    assert program.taken == [("EDGE02", False)]
    assert program.reloading.snapshot()["config"]["restart"] == ["receive.listen_plain"]
    assert [line for line in said() if "CONFIG-RESTART" in line and "receive.listen_plain" in line]
    program.reloading.reload()
    assert not [line for line in said() if "CONFIG-RESTART" in line]
    program.save(program.path.read_text().replace(":105", ":104"))
    assert program.reloading.snapshot()["config"]["restart"] == []


def test_nobody_is_told_to_start_again_with_a_file_that_is_refused(program: Program, said: Said) -> None:
    good = program.path.read_text()
    program.save(good.replace(":104", ":105"))
    program.save(good.replace(":104", ":105").replace("ae_title", "ae_titel"))
    assert program.error and program.reloading.snapshot()["config"]["restart"] == []
    said()
    program.save(good.replace(":104", ":105"))
    assert program.reloading.snapshot()["config"]["restart"] == ["receive.listen_plain"]
    assert any("CONFIG-RESTART" in line for line in said())  # again, for it was forgotten


def test_a_file_that_is_gone_is_an_error_until_it_is_back(program: Program) -> None:
    text = program.path.read_text()
    program.path.unlink()
    program.rest()
    assert "no such file" in program.error
    program.save(text)
    assert program.error == ""


def test_a_pipe_in_place_of_the_file_keeps_nobody_waiting(program: Program) -> None:
    text = program.path.read_text()
    program.path.unlink()
    os.mkfifo(program.path)
    program.reloading.reload()
    assert "appliance.toml: is no file" in program.error and program.taken == []
    program.path.unlink()
    program.save(text.replace("EDGE01", "EDGE02"))
    assert program.error == "" and program.taken == [("EDGE02", False)]
    (authority,) = program.files(program.reloading.config)
    authority.unlink(missing_ok=True)
    os.mkfifo(authority)
    program.reloading.reload()
    assert program.taken[1:] == [("EDGE02", True)]
