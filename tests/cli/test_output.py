from __future__ import annotations

import json

import pytest

from appliance.base.errors import LocalError
from appliance.cli import output
from appliance.config.errors import ConfigErrors, Problem


def test_mistakes_of_a_file_have_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_error(ConfigErrors([Problem("a.toml", 7, "x", "bad"), Problem("a.toml", 2, "", "worse")]))
    assert capsys.readouterr().err == (
        "a.toml:2: worse\na.toml:7: x: bad\nappliance: error: the configuration has 2 mistakes\n"
    )


def test_an_error_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_error(LocalError("no", fix="Yes."))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "appliance: error: no. Yes.\n")


def test_json_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    output.write_json({"name": "CT Süd"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": "CT Süd"}
    assert "Süd" in out


def test_the_console_writes_plain_text_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.console().print("[red]a[/] " + "b" * 200)
    output.console(stderr=True).print("c")
    assert capsys.readouterr() == ("a " + "b" * 200 + "\n", "c\n")


def test_a_machine_that_asked_gets_the_reason_in_the_place_of_its_document(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigErrors([Problem("a.toml", 7, "x", "bad")])
    output.expect_json(["check"])
    output.print_error(error)
    assert capsys.readouterr().out == ""
    output.expect_json(["vault", "open", "--", "--json"])  # that is a name
    output.print_error(error)
    assert capsys.readouterr().out == ""
    output.expect_json(["check", "--json"])
    output.print_error(error)
    assert json.loads(capsys.readouterr().out)["error"] == {
        "message": "the configuration has 1 mistake", "fix": "", "fault": "config", "temporary": False,
        "exit_status": 78, "problems": [{"file": "a.toml", "line": 7, "key": "x", "message": "bad"}],
    }  # fmt: skip
    output.write_json({})
    output.print_error(error)
    assert json.loads(capsys.readouterr().out) == {}  # one document, not two


def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert output.colours() is None
    monkeypatch.setenv("TERM", "dumb")
    assert output.colours() is False
