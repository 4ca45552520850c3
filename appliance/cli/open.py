"""`appliance open`: take the DICOM file out of a sealed object."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import LocalError
from appliance.cli.store_options import Access, open_remote, store_options


@click.command(name="open")
@click.argument("sealed", metavar="SEALED")
@click.option(
    "--identity", "-i", "identity", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True,
    help="A file with one AGE-SECRET-KEY-… line or several, like a recovery kit.",
)  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="The Part 10 file to write.")
@store_options
def command(sealed: str, identity: Path, output: Path, **access: Any) -> None:
    """Open a sealed object into a DICOM Part 10 file. SEALED is a file, or the URL of an object in a store, as
    s3://bucket/prefix/3f/3f0c….dcm.age.

    The result is not encrypted any more: keep it where patient data may be. Without this program,
    `age -d -i IDENTITY -o OUTPUT SEALED` does the same.

    Example: appliance open -i recovery.txt -o image.dcm 3f/3f0c….dcm.age
    """
    from appliance.host.credentials import read_secrets
    from appliance.seal.keys import parse_identity
    from appliance.seal.opening import Opening, open_object

    remote_one = "://" in sealed
    if not remote_one and not Path(sealed).is_file():
        raise click.BadParameter(f"there is no file {sealed}", param_hint="SEALED")
    identities = [parse_identity(text) for text in read_secrets(f"file:{identity.absolute()}")]
    try:
        with output.open("xb") as out:
            if remote_one:
                with open_remote(sealed, Access(**access)) as remote:
                    for chunk in Opening(remote, identities):
                        out.write(chunk)
            else:
                open_object(Path(sealed), identities, out)
    except FileExistsError:
        raise LocalError(f"{output} exists already", fix="Name another file.") from None
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    sys.stderr.write(f"{output} holds patient data in clear.\n")
