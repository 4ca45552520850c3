"""`appliance open`: take the DICOM files out of sealed objects, with an identity and nothing else of the box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.base.errors import ApplianceError, DiskError, LocalError
from appliance.cli.output import say
from appliance.cli.store_options import Access, open_remote, store_options

if TYPE_CHECKING:
    from appliance.seal.keys import Identity


@click.command(name="open")
@click.argument("sealed", metavar="SEALED")
@click.option(
    "--identity", "-i", "identity", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True,
    help="A file with one AGE-SECRET-KEY-… line or several, like a recovery kit.",
)  # fmt: skip
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True,
              help="The Part 10 file to write, or the directory for those of a directory.")  # fmt: skip
@store_options
def command(sealed: str, identity: Path, output: Path, **access: Any) -> None:
    """Open a sealed object into a DICOM Part 10 file. SEALED is a file; a directory, all objects of which go to the
    directory OUTPUT; or the URL of an object in a store, as s3://bucket/prefix/3f/3f0c….dcm.age.

    The result is not encrypted any more, and its owner alone may read it: keep it where patient data may be. Without
    this program, `age -d -i IDENTITY -o OUTPUT SEALED` does the same. A directory that was broken off goes on where it
    was.

    Exit status: 0, or 1 where some objects of a directory could not be opened.

    Example: appliance open -i recovery.txt -o image.dcm 3f/3f0c….dcm.age
    """
    from appliance.host.create import new_file
    from appliance.host.credentials import read_secrets
    from appliance.host.dumps import forbid_dumps
    from appliance.seal.keys import parse_identity
    from appliance.seal.opening import Opening, open_object

    if "://" not in sealed and not Path(sealed).exists():
        raise click.BadParameter(f"there is no file {sealed}", param_hint="SEALED")
    forbid_dumps()
    identities = [parse_identity(text) for text in _identities(read_secrets(f"file:{identity.absolute()}"))]
    failed = 0
    if "://" in sealed:
        with new_file(output) as out, open_remote(sealed, Access(**access)) as remote:
            for chunk in Opening(remote, identities):
                out.write(chunk)
    elif Path(sealed).is_dir():
        failed = _whole_directory(Path(sealed), identities, output)
    else:
        with new_file(output) as out:
            open_object(Path(sealed), identities, out)
    say(f"{output} holds patient data in clear.")
    if failed:
        raise SystemExit(1)


def _identities(lines: list[str]) -> list[str]:
    """What opens objects; whatever else stands in the file is told by the parser."""
    return [each for each in lines if each.upper().startswith("AGE-SECRET-KEY-")] or lines


def _whole_directory(directory: Path, identities: list[Identity], output: Path) -> int:
    """Open all objects below `directory` into `output`; how many could not be."""
    from appliance.cli.sealed_objects import sealed_objects
    from appliance.cli.vault.reading import progress_bar
    from appliance.host.create import new_file
    from appliance.seal.opening import Opening

    try:
        output.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"cannot make {output}: {error.strerror}", fix="Name another place.") from None
    written = there = failed = 0
    with progress_bar() as progress:
        for each in progress.track(sealed_objects(directory), description="opening"):
            target = output / f"{each.name}.dcm"
            if target.exists():
                there += 1
                continue
            try:
                with new_file(target) as out, each.open() as sealed:
                    for chunk in Opening(sealed, identities):
                        out.write(chunk)
                written += 1
            except ApplianceError as error:
                if isinstance(error, DiskError):
                    raise
                failed += 1
                say(f"{each.place}: {error.message}")
    if not written + there + failed:
        raise LocalError(f"no sealed object lies below {directory}", fix="Name the state directory of a box.")
    say(f"{written} files are written, {there} were there already, {failed} could not be opened.")
    return failed
