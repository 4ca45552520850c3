"""`appliance peers learn`: proposes entries for devices that were seen, for a person to read, change and accept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli.group import Commands
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.pcap import inspect_file, own_option, registry_of
from appliance.config.load import load_config

if TYPE_CHECKING:
    from appliance.inspection.learning import Proposal


_LINE = 110  # characters


@click.group(name="peers", cls=Commands)
def command() -> None:
    """Propose entries for devices that were seen: `learn`.

    Example: appliance peers learn
    """


@command.command(name="learn")
@click.option(
    "--pcap", type=click.Path(path_type=Path, dir_okay=False), help="A capture, instead of what the sensor remembers."
)
@config_option
@own_option
@json_option
def learn(pcap: Path | None, path: Path, own: tuple[str, ...], as_json: bool) -> None:
    """Propose [[peer]] entries for devices that called, and [[sensor.server]] entries for machines that answered.

    Only what was seen is proposed, and nothing that is configured already. A [[peer]] comes with accept = false: read
    it, ask whose device it is, then accept it. Nothing is written: the text goes to stdout.

    Example: appliance peers learn --pcap monday.pcap > proposals.toml
    """
    from appliance.inspection.learning import propose

    config = load_config(path)
    registry = registry_of(config, own)
    if pcap is not None:
        inventory = inspect_file(pcap, registry)[0].inventory
    else:
        from appliance.capture.inventory_file import NAME, read_inventory
        from appliance.capture.surroundings import look_around
        from appliance.inspection.registry import Registry

        inventory = read_inventory(config.appliance.state_dir / "alerts" / NAME)
        registry = registry if own else Registry.build(config, look_around(config, inventory.talks))
    proposals, remarks = propose(inventory, registry)
    if as_json:
        write_json(
            [{"section": each.section, "keys": each.keys, "evidence": list(each.evidence)} for each in proposals]
        )
    else:
        for proposal in proposals:
            click.echo(as_toml(proposal))
    for remark in remarks:
        say(remark)
    if not proposals:
        say("Nothing to propose: of whoever was seen to associate in clear, all are configured already.")
        if pcap is None:
            say("The sensor writes down once a minute whom it saw. Whom `receive` refused, its log says how to add.")


def as_toml(proposal: Proposal) -> str:
    """The entry as TOML, its evidence in comments before it."""
    import tomli_w

    comments = "".join(f"# {_one_line(each)}\n" for each in proposal.evidence)
    keys = "".join(_compact(tomli_w.dumps({key: value})) for key, value in proposal.keys.items())
    return f"{comments}[[{proposal.section}]]\n{keys}"


def _compact(text: str) -> str:
    """A key whose list has a line for each value, on one line where it fits. Values of one line have no line breaks."""
    first, *values, last = text.splitlines() if text.count("\n") > 1 else (text, "")
    if last != "]":
        return text
    line = f"{first}{', '.join(each.strip().rstrip(',') for each in values)}]\n"
    return line if len(line) <= _LINE else text


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)
