"""`appliance check`: whether the configuration can be used, and how safe it is. Changes nothing."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill

import click

from appliance.base.errors import ConfigError
from appliance.cli.options import config_option, json_option
from appliance.cli.output import write_json
from appliance.config.errors import ConfigErrors
from appliance.config.load import load_config
from appliance.config.posture import posture
from appliance.config.posture.finding import Finding, Severity

_COLOURS: dict[Severity, str] = {"error": "red", "warning": "yellow", "note": "cyan"}
_WIDTH = 100


@click.command(name="check")
@config_option
@json_option
def command(path: Path, as_json: bool) -> None:
    """Check the configuration, and how safe what it asks for is.

    Each finding has an id, why it matters and how to mend it. An error keeps something from working; warnings and notes
    do not change the exit status.

    Exit status: 0 the configuration can be used, 78 it cannot.

    Example: appliance check --config appliance.toml
    """
    from appliance.cli.gather import gather  # loads cryptography, which a file with mistakes need not wait for

    try:
        config = load_config(path)
    except ConfigErrors as errors:
        if not as_json:
            raise
        _write_json(path, errors, [])
        raise SystemExit(errors.exit_status) from None
    findings = posture(config, gather(config, datetime.now(UTC)))
    if as_json:
        _write_json(path, None, findings)
    else:
        _show(path, findings)
    raise SystemExit(ConfigError.exit_status if _is_bad(findings) else 0)


def _is_bad(findings: list[Finding]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _write_json(path: Path, errors: ConfigErrors | None, findings: list[Finding]) -> None:
    problems = errors.problems if errors else ()
    write_json(
        {
            "config": str(path),
            "ok": not problems and not _is_bad(findings),
            "mistakes": [
                {"line": each.line, "key": each.key, "message": each.message, "text": str(each)} for each in problems
            ],
            "findings": [finding.as_dict() for finding in findings],
        }
    )


def _show(path: Path, findings: list[Finding]) -> None:
    width = min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH)
    for finding in findings:
        click.secho(f"{finding.severity} ", fg=_COLOURS[finding.severity], bold=True, nl=False)
        click.echo(f"{finding.subject}: {finding.what} [{finding.id}]")
        for label, text in (("why", finding.why), ("fix", finding.fix)):
            click.echo(fill(text, width, initial_indent=f"  {label}: ", subsequent_indent="       "))
    counts = Counter(finding.severity for finding in findings)
    said = ", ".join(f"{counts[each]} {each}{'' if counts[each] == 1 else 's'}" for each in _COLOURS)
    if _is_bad(findings):
        click.echo(f"not ok: {path} can be read, and not used as it is: {said}")
    else:
        click.echo(f"ok: {path} can be used: {said}")
