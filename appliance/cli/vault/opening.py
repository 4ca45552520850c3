"""`appliance vault open`: take the DICOM file out of an object of this box."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.base.errors import LocalError
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.vault.asking import ObjectId
from appliance.cli.vault.reading import identities_for, identity_option, write_plain
from appliance.config.load import load_config


@click.command(name="open")
@click.argument("object_id", metavar="OBJECT", type=ObjectId())
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="The Part 10 file to write.")
@identity_option
@config_option
@json_option
def command(object_id: str, output: Path, identity: Path | None, path: Path, as_json: bool) -> None:
    """Open an object of this box into a DICOM Part 10 file, which its owner alone may read.

    The result is not encrypted any more. For a sealed file that lies elsewhere there is `appliance open`.

    Example: appliance vault open 3f0c9a… -i recovery.txt -o image.dcm
    """
    from appliance.vault.layout import StateLayout

    config = load_config(path)
    identities = identities_for(config, identity)
    sealed = StateLayout(config.appliance.state_dir).object_file(object_id)
    if not sealed.exists():
        raise LocalError("there is no such object here", fix="`appliance vault list` shows which there are.")
    size = write_plain(sealed, identities, output)
    if as_json:
        write_json({"object": object_id, "file": str(output), "bytes": size})
    say(f"{output} holds patient data in clear.")
