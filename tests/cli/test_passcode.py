"""`appliance passcode`: what it prints is what the configuration takes."""

from __future__ import annotations

from click.testing import CliRunner

from appliance.cli.passcode import command
from appliance.config.passcode import parse_passcode


def test_from_standard_input() -> None:
    result = CliRunner().invoke(command, input="geheim ü\n")
    assert result.exit_code == 0
    kept = parse_passcode(result.output.strip())
    assert kept.matches("geheim ü".encode()) and "geheim" not in result.output
    assert CliRunner().invoke(command, input="geheim ü\n").output != result.output  # a salt of its own


def test_an_empty_one_is_refused() -> None:
    result = CliRunner().invoke(command, input="\n")
    assert result.exit_code != 0 and "at least one character" in str(result.exception)
