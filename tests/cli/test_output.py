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
