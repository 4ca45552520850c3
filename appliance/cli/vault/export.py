"""`appliance vault export`: a directory of DICOM files, for when images are needed and upstream is away."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.base.errors import ApplianceError, DiskError
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.vault.asking import ObjectId, chosen, objects_argument, peer_option, since_option
from appliance.cli.vault.reading import identities_for, identity_option, progress_bar, write_plain
from appliance.config.load import load_config


@click.command(name="export")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@objects_argument
@peer_option
@since_option
@click.option("--study", type=ObjectId(), help="All objects of the study that this object is of: see `vault studies`.")
@identity_option
@config_option
@json_option
def command(
    directory: Path,
    objects: tuple[str, ...],
    peer: str | None,
    since: float | None,
    study: str | None,
    identity: Path | None,
    path: Path,
    as_json: bool,
) -> None:
    """Open objects into DIRECTORY, each as OBJECT.dcm, which its owner alone may read.

    Files that are there already stay as they are, so an export that was broken off goes on where it was. What is
    written is not encrypted any more.

    Exit status: 0 all of them, 1 some could not be opened.

    Example: appliance vault export /media/usb/images --since 24h -i recovery.txt
    """
    from appliance.vault.layout import StateLayout

    config = load_config(path)
    identities = identities_for(config, identity)
    layout = StateLayout(config.appliance.state_dir)
    object_ids = chosen(config.appliance.runtime_dir, objects, peer, since, study)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"cannot make {directory}: {error.strerror}", fix="Name another place.") from None
    written: list[str] = []
    there: list[str] = []
    failed: dict[str, str] = {}
    with progress_bar() as progress:
        for object_id in progress.track(object_ids, description="opening"):
            target = directory / f"{object_id}.dcm"
            if target.exists():
                there.append(object_id)
                continue
            try:
                write_plain(layout.object_file(object_id), identities, target)
                written.append(object_id)
            except DiskError as error:
                if not layout.object_file(object_id).exists():
                    failed[object_id] = "it is not here any more"
                    continue
                raise error
            except ApplianceError as error:
                failed[object_id] = error.message
    if as_json:
        write_json({"written": written, "there": there, "failed": failed})
    else:
        click.echo(f"{len(written)} files are written, {len(there)} were there already.")
    for object_id, reason in failed.items():
        say(f"{object_id}: {reason}")
    if written:
        say(f"{directory} holds patient data in clear.")
    if failed:
        raise SystemExit(1)
