"""`appliance evidence`: what the sensor kept of associations that rules spoke about, and opening it elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import DiskError, LocalError
from appliance.cli.group import Commands
from appliance.cli.options import config_option, json_option
from appliance.cli.output import console, say, write_json
from appliance.config.load import load_config

_STAMP = "%Y%m%dT%H%M%SZ"


@click.group(name="evidence", cls=Commands)
def command() -> None:
    """Show and open sealed captures: `list` on the box, `open` where the identity is.

    Example: appliance evidence list
    """


@command.command(name="list")
@config_option
@json_option
def list_evidence(path: Path, as_json: bool) -> None:
    """Show the sealed captures: when they were written, and how large they are.

    Example: appliance evidence list
    """
    from appliance.capture.evidence_store import NAME, evidence_files

    config = load_config(path)
    directory = config.appliance.state_dir / "alerts" / NAME
    try:
        found = [_about(each) for each in evidence_files(directory)]
    except OSError as error:
        raise DiskError(f"cannot read {directory}: {error.strerror}", fix="Run this as root.") from None
    if as_json:
        write_json(found)
        return
    from rich.table import Table

    table = Table()
    for heading in ("file", "written", "bytes"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left", overflow="fold")
    for each in found:
        when = datetime.fromisoformat(each["written"]).astimezone() if each["written"] else None
        table.add_row(Path(each["file"]).name, f"{when:%Y-%m-%d %H:%M:%S}" if when else "?", str(each["bytes"]))
    console().print(table if found else "No evidence was kept.")
    if found:
        say(f"In {directory}.")
    if not config.sensor or not config.sensor.evidence_recipients:
        say("evidence_recipients of [sensor] is empty: nothing is kept from now on.")


def _about(path: Path) -> dict[str, Any]:
    try:
        written = datetime.strptime(path.name.partition("-")[0], _STAMP).replace(tzinfo=UTC).isoformat()
    except ValueError:
        written = ""
    return {"file": str(path), "written": written, "bytes": path.stat().st_size}


@command.command(name="open")
@click.argument("sealed", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--identity", "-i", "identity", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True,
    help="A file with the AGE-SECRET-KEY-… line of one of evidence_recipients.",
)  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="The pcapng file to write.")
def open_evidence(sealed: Path, identity: Path, output: Path) -> None:
    """Open a sealed capture into a pcapng file, for tshark or Wireshark. Do it elsewhere than on the box.

    It holds A-ASSOCIATE, A-RELEASE and A-ABORT PDUs: AE titles, addresses, and user names and passcodes where a device
    shows them in clear. It holds no command and no data set. `age -d -i IDENTITY -o OUTPUT SEALED` does the same.

    Example: appliance evidence open -i evidence-key.txt -o case.pcapng 20261128T211500Z-0000.pcapng.age
    """
    import os

    from appliance.host.credentials import read_secrets
    from appliance.seal.keys import parse_identity
    from appliance.seal.opening import open_object

    identities = [parse_identity(text) for text in read_secrets(f"file:{identity.absolute()}")]
    try:
        with open(output, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
            open_object(sealed, identities, out)
    except FileExistsError:
        raise LocalError(f"{output} exists already", fix="Name another file.") from None
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    say(f"{output} may hold user names and passcodes in clear.")
