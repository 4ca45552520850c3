"""`appliance open`: take the DICOM file out of a sealed object."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.base.errors import LocalError


@click.command(name="open")
@click.argument("sealed", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--identity", "-i", "identity", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True,
    help="A file with one AGE-SECRET-KEY-… line.",
)  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="The Part 10 file to write.")
def command(sealed: Path, identity: Path, output: Path) -> None:
    """Open a sealed object into a DICOM Part 10 file.

    The result is not encrypted any more: keep it where patient data may be. Without this program,
    `age -d -i IDENTITY -o OUTPUT SEALED` does the same.

    Example: appliance open -i recovery.txt -o image.dcm 3f/3f0c….dcm.age
    """
    from appliance.host.credentials import read_secret
    from appliance.seal.keys import parse_identity
    from appliance.seal.opening import open_object

    key = parse_identity(read_secret(f"file:{identity.absolute()}"))
    try:
        with output.open("xb") as out:
            open_object(sealed, [key], out)
    except FileExistsError:
        raise LocalError(f"{output} exists already", fix="Name another file.") from None
    except BaseException:
        output.unlink(missing_ok=True)
        raise
    sys.stderr.write(f"{output} holds patient data in clear.\n")
