"""`appliance deliver`: the upstream end of an object store. Opens sealed objects and stores them into a PACS."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.base import limits
from appliance.cli.options import json_option
from appliance.cli.output import console, say, write_json
from appliance.cli.store_options import Access, open_place, place_of, store_options

if TYPE_CHECKING:
    from appliance.config.destinations import DimseDestination
    from appliance.delivery.outcome import Outcome
    from appliance.delivery.transfer import Transfer

_NEEDS_A_PERSON = 1
_MOST_SHOWN = 1000

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(name="deliver")
@click.option(
    "--from", "source", required=True, metavar="URL", help='The store: "s3://bucket/prefix" or "file:///dir".'
)
@click.option("--to", "target", required=True, metavar="URL", help='The PACS: "dimse://AE@host:port".')
@click.option(
    "--identity",
    "-i",
    "identities",
    type=_file,
    multiple=True,
    required=True,
    help="A file with AGE-SECRET-KEY-… lines that opens the objects; may be given several times.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Remembers what the PACS has, so that the next run goes on from there. Made where it is missing.",
)
@click.option("--calling-ae", default="APPLIANCE", show_default=True, help="The AE title that we call with.")
@click.option("--ca", type=_file, help="The CA that signed the certificate of the PACS.")
@click.option("--certificate", type=_file, help="Our certificate for the PACS.")
@click.option("--key", type=_file, help="The key of our certificate.")
@click.option("--server-name", help="The name in the certificate of the PACS, where it is not the host.")
@click.option("--cleartext", is_flag=True, help="Without TLS: patient data crosses the network readable.")
@click.option(
    "--associations",
    type=click.IntRange(1, limits.DELIVERY_ASSOCIATIONS.ceiling),
    show_default=True,
    default=limits.DELIVERY_ASSOCIATIONS.default,
    help="How many instances are on their way at a time.",
)
@click.option(
    "--tries",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Attempts at one object, with growing pauses, before the run ends or leaves it out.",
)
@store_options
@json_option
def command(
    source: str, target: str, identities: tuple[Path, ...], state: Path, calling_ae: str, ca: Path | None,
    certificate: Path | None, key: Path | None, server_name: str | None, cleartext: bool, associations: int, tries: int,
    as_json: bool, **access: Any,
) -> int:  # fmt: skip
    """Deliver sealed objects from a store into a PACS.

    Runs where an identity may be: objects are opened in memory, and go over TLS as they were received. An object counts
    as delivered when the PACS answered so for that instance. Stopped and started again, it goes on where it was; run it
    by a timer to follow what a box puts into the store. Exit status: 0 all is delivered, 1 some objects were refused
    and need a person, 69 the store or the PACS failed and what is left waits for the next run.

    Example: appliance deliver --from s3://sealed/edge01 --endpoint https://s3.rad.example --region eu-1 --access-key-id
    edge --secret-access-key file:/keys/s3 --to dimse://PACS@pacs.rad.example:2762 --ca site-ca.crt -i upstream.txt
    --state edge01.sqlite
    """
    from appliance.base.names import ae_title
    from appliance.delivery.dimse import Dimse
    from appliance.delivery.transfer import Transfer
    from appliance.delivery.transfer_state import TransferState
    from appliance.host.credentials import read_secrets
    from appliance.seal.keys import parse_identity

    place = place_of(source)
    pacs = _pacs(target, ca, certificate, key, server_name, cleartext)
    opened_by = [parse_identity(text) for file in identities for text in read_secrets(f"file:{file.absolute()}")]
    refused: list[dict[str, str]] = []
    lock = threading.Lock()

    def on_refused(object_id: str, outcome: Outcome) -> None:
        with lock:
            if len(refused) < _MOST_SHOWN:
                refused.append({"object": object_id, "reason": outcome.reason, "advice": outcome.advice})
        if not as_json:
            say(f"refused {object_id}: {outcome.reason}. {outcome.advice}".rstrip(" "))

    done = TransferState(state, str(place), f"{pacs.ae_title}@{pacs.address}")
    try:
        with _progress() as on_change:
            transfer = Transfer(
                open_place(place, Access(**access)), Dimse(pacs), opened_by, done, ae_title(calling_ae),
                on_refused=on_refused, on_change=lambda: on_change(transfer), tries=tries,
            )  # fmt: skip
            try:
                transfer.run(associations)
            finally:
                tally = transfer.tally
                if as_json:
                    counts = {"delivered": tally.delivered, "before": tally.before, "refused": tally.refused}
                    write_json({**counts, "bytes": tally.bytes, "refusals": refused})
                else:
                    say(f"{tally.delivered} delivered, {tally.before} were before, {tally.refused} refused.")
    finally:
        done.close()
    return _NEEDS_A_PERSON if tally.refused else 0


def _pacs(
    url: str, ca: Path | None, certificate: Path | None, key: Path | None, server_name: str | None, cleartext: bool
) -> DimseDestination:
    from appliance.config.destinations import DimseDestination
    from appliance.config.urls import parse_dimse
    from appliance.config.values import parse_host_name

    try:
        title, address = parse_dimse(url)
        name = parse_host_name(server_name) if server_name else None
    except ValueError as error:
        raise click.UsageError(f"--to: {error}.") from None
    if not cleartext and ca is None:
        raise click.UsageError("TLS needs --ca, the CA that signed the certificate of the PACS (or --cleartext).")
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key go together.")
    return DimseDestination(
        name="pacs",
        kind="dimse",
        address=address,
        ae_title=title,
        tls="never" if cleartext else "required",
        ca=ca and ca.absolute(),
        certificate=certificate and certificate.absolute(),
        key=key and key.absolute(),
        server_name=name,
    )


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """What is called whenever something was delivered: a bar on a terminal, and nothing elsewhere."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda transfer: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TransferSpeedColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen) as progress:
        task = progress.add_task("looking", total=None)

        def show(transfer: Transfer) -> None:
            tally = transfer.tally
            said = f"{tally.delivered} delivered, {tally.before} before, {tally.refused} refused"
            progress.update(task, description=said, completed=tally.bytes)

        yield show
