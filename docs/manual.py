"""Writes the manual page from the commands and errors themselves: `python docs/manual.py FILE` makes appliance(1),
`python docs/manual.py --exit-status` docs/exit-status.md. Nothing in either is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

import click

from appliance import __version__
from appliance.base.errors import ApplianceError
from appliance.cli.main import INTERRUPTED, PIPE_CLOSED
from appliance.cli.main import command as appliance

EXIT_STATUS = Path(__file__).with_name("exit-status.md")
_SYSEXITS = {
    65: "EX_DATAERR",
    69: "EX_UNAVAILABLE",
    70: "EX_SOFTWARE",
    74: "EX_IOERR",
    76: "EX_PROTOCOL",
    78: "EX_CONFIG",
}
_COMMON = {
    0: "done",
    1: "done, and something needs a person",
    2: "wrong usage: the command line was not understood",
}
MACHINES = (
    "With --json standard output has one JSON document, or one a line where there may be many or where a command goes "
    "on; remarks for people go to standard error. Names in it stay; new ones may come.",
    'Where there is no result, {"error": {"message", "fix", "fault", "temporary", "exit_status"}} stands in its place, '
    "on one line. fault says who has to act: local, peer, disk, config, crypto, upstream, or usage for a wrong command "
    "line. temporary: the same may succeed later. problems lists the mistakes of a configuration: file, line, key, "
    "message.",
)


def statuses() -> dict[int, str]:
    """Each exit status and what it means."""
    found = dict(_COMMON)
    for kind in sorted(_kinds(ApplianceError), key=lambda each: each.__name__):
        if kind.__module__ != ApplianceError.__module__ or kind.exit_status in found:
            continue
        words = " ".join((kind.__doc__ or "").split())
        found[kind.exit_status] = f"{_SYSEXITS[kind.exit_status]}: {words}"
    found[75] = "EX_TEMPFAIL: the time that was given was over before it was done"
    found[77] = "EX_NOPERM: a right is missing: a file is another's, or the sensor has no CAP_NET_RAW"
    return dict(sorted({**found, INTERRUPTED: "interrupted", PIPE_CLOSED: "nobody reads the output any more"}.items()))


def _kinds(kind: type[ApplianceError]) -> Iterator[type[ApplianceError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def commands(group: click.Group, name: str = "appliance") -> Iterator[tuple[str, click.Command, click.Context]]:
    """Each command that is shown, with its whole name."""
    context = click.Context(group, info_name=name)
    for each in group.list_commands(context):
        inner = group.get_command(context, each)
        if inner is None or inner.hidden:
            continue
        whole = f"{name} {each}"
        yield whole, inner, click.Context(inner, info_name=whole)
        if isinstance(inner, click.Group):
            yield from commands(inner, whole)


def manual() -> str:
    """The page, in man(7)."""
    lines = [
        f'.TH APPLIANCE 1 "" "pacs-appliance {__version__}" "PACS edge appliance"',
        ".SH NAME",
        "appliance \\- seals what modalities send, delivers it, and watches the network",
        ".SH SYNOPSIS",
        ".B appliance\n.I COMMAND\n.RI [ OPTIONS ]",
        ".SH DESCRIPTION",
        _roff(appliance.help or ""),
        ".SH COMMANDS",
    ]
    for name, command, context in commands(appliance):
        lines += [f".SS {_roff(name)}", _roff(" ".join(command.collect_usage_pieces(context))), ".PP"]
        lines += [".PP\n" + _roff(paragraph) for paragraph in _paragraphs(command.help or "")]
        for parameter in command.get_params(context):
            record = parameter.get_help_record(context)
            if record and record[1] and parameter.name != "help":
                lines += [".TP", f".B {_roff(record[0])}", _roff(record[1])]
    lines += [".SH EXIT STATUS"]
    for status, words in statuses().items():
        lines += [".TP", f".B {status}", _roff(words)]
    lines += [
        ".SH OUTPUT FOR MACHINES",
        *(f".PP\n{_roff(each)}" for each in MACHINES),
        ".SH ENVIRONMENT",
        ".TP\n.B APPLIANCE_CONFIG\nThe configuration file, where \\-\\-config is not given.",
        ".TP\n.B NO_COLOR\nNo colours, on a terminal either; nor with TERM=dumb.",
        ".SH FILES",
        ".TP\n.I /etc/appliance/appliance.toml\nThe configuration.",
    ]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield " ".join(paragraph.split())


def _roff(text: str) -> str:
    """Text in which nothing is a request or an escape."""
    clean = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    clean = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in clean)
    return f"\\&{clean}" if clean.startswith((".", "'")) else clean


def exit_status() -> str:
    """docs/exit-status.md."""
    rows = "\n".join(f"| {status} | {words} |" for status, words in statuses().items())
    machines = "\n\n".join(fill(each, 120, break_on_hyphens=False) for each in MACHINES)
    return (
        "# Exit statuses\n\nOf every command, after sysexits.h where it has one. Made from `base/errors.py` by "
        f"`docs/manual.py`.\n\n| status | meaning |\n|---|---|\n{rows}\n\n## Output for machines\n\n{machines}\n"
    )


def main() -> int:
    """The command."""
    if sys.argv[1:] == ["--exit-status"]:
        EXIT_STATUS.write_text(exit_status())
        return 0
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(manual())
    sys.stdout.write(f"made {target}: man -l {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
