"""`appliance vault rewrap`: give stored objects to the present recipients, without opening what they hold.

The identity stays in this process, which reads headers only. forward writes: it knows by the index key that a header is
the object's own, and nothing leaves the vault meanwhile.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.base.errors import DiskError
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.vault.asking import ObjectId, ask_forward, objects_argument
from appliance.cli.vault.reading import identities_for, identity_option, progress_bar
from appliance.config.load import load_config

if TYPE_CHECKING:
    from appliance.seal.header import Header
    from appliance.seal.keys import Identity, Recipient
    from appliance.vault.layout import StateLayout

_REQUEST = 32 << 10  # bytes of headers in one request, in base64; one more fits
_OBJECTS = 64
_COPIED = 64 << 20  # bytes of objects that forward copies for one request, so that others are answered in between
_PATIENCE = 3600.0  # seconds: an object may be of any size


@click.command(name="rewrap")
@objects_argument
@click.option("--to", "to", multiple=True, help="A recipient (age1…), several times. Without it, those of [vault].")
@click.option("--all", "every", is_flag=True, help="Also objects that seem to be sealed to them already.")
@click.option("--after", type=ObjectId(), help="Go on behind this object: where a run with --all was broken off.")
@identity_option
@config_option
@json_option
def command(
    objects: tuple[str, ...],
    to: tuple[str, ...],
    every: bool,
    after: str | None,
    identity: Path | None,
    path: Path,
    as_json: bool,
) -> None:
    """Seal stored objects to the present recipients: after a rotation, or when a recipient goes.

    The identity is one that opens the objects as they are; name a file that has the new one too, so that objects which
    were done before are passed over. Broken off at any moment nothing is lost: run it again. A copy that somebody has
    of an object from before is still open to the old recipients.

    Exit status: 0 all of them, 1 some need a person.

    Example: appliance vault rewrap -i recovery.txt
    """
    from appliance.seal.keys import check_recipients, parse_recipient
    from appliance.vault.layout import StateLayout

    config = load_config(path)
    recipients = [parse_recipient(text) for text in to or config.vault.recipients]
    check_recipients(recipients)
    identities = identities_for(config, identity)
    layout = StateLayout(config.appliance.state_dir)
    ask_forward(config.appliance.runtime_dir, "ids", prefix="00")  # before any work: it must be there
    names = list(objects) or [each for each in _stored(layout) if after is None or each > after]
    counts: Counter[str] = Counter()
    wrong: dict[str, str] = {}
    waiting: dict[str, str] = {}
    copied = 0
    last = ""

    def send() -> None:
        nonlocal waiting, copied, last
        if waiting:
            answer = ask_forward(config.appliance.runtime_dir, "rewrap", patience=_PATIENCE, headers=waiting)[
                "rewrapped"
            ]
            for object_id, done in answer.items():
                counts["rewrapped" if done else "gone"] += 1
                last = object_id
            waiting, copied = {}, 0

    try:
        with progress_bar() as progress:
            for object_id in progress.track(names, description="rewrapping"):
                found = _new_header(layout, object_id, identities, recipients, every=every)
                if isinstance(found, bytes):
                    waiting[object_id] = base64.b64encode(found).decode("ascii")
                    copied += _size(layout, object_id)
                    if len(waiting) >= _OBJECTS or copied > _COPIED or sum(map(len, waiting.values())) > _REQUEST:
                        send()
                elif found in ("already", "gone"):
                    counts[found] += 1
                else:
                    wrong[object_id] = found
            send()
    except BaseException:
        if last:
            say(f"Broken off behind {last}. Nothing is lost; run it again" + (f" --after {last}." if every else "."))
        raise
    _tell(counts, wrong, as_json)


def _tell(counts: Counter[str], wrong: dict[str, str], as_json: bool) -> None:
    if as_json:
        write_json({name: counts[name] for name in ("rewrapped", "already", "gone")} | {"wrong": wrong})
    else:
        click.echo(f"{counts['rewrapped']} objects have a new header, {counts['already']} needed none.")
        if counts["gone"]:
            say(f"{counts['gone']} left meanwhile, or are not here.")
    for object_id, reason in wrong.items():
        say(f"{object_id}: {reason}")
    if wrong:
        raise SystemExit(1)


def _stored(layout: StateLayout) -> Iterator[str]:
    from appliance.vault.layout import object_id_of

    for directory in layout.fan():
        try:
            names = sorted(each.name for each in directory.iterdir())
        except OSError as error:
            raise DiskError(
                f"cannot look into {directory}: {error.strerror}", fix="Run as root, or as forward's user."
            ) from None
        yield from (object_id for name in names if (object_id := object_id_of(name)))


def _size(layout: StateLayout, object_id: str) -> int:
    try:
        return layout.object_file(object_id).stat().st_size
    except OSError:
        return 0


def _new_header(
    layout: StateLayout, object_id: str, identities: list[Identity], recipients: list[Recipient], *, every: bool
) -> bytes | str:
    """The header; or "already", "gone", or what is wrong with the object."""
    from appliance.seal.errors import SealError
    from appliance.seal.header import read_header
    from appliance.seal.rewrap import rewrap

    try:
        with layout.object_file(object_id).open("rb") as file:
            header = read_header(file)
        if not every and _is_theirs(header, identities, recipients):
            return "already"
        return rewrap(header, identities, recipients)
    except FileNotFoundError:
        return "gone"
    except SealError as error:
        return error.message
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _is_theirs(header: Header, identities: list[Identity], recipients: list[Recipient]) -> bool:
    """Whether an object seems to be sealed to these already. A stanza does not say whose it is: it is counted, and
    tried with the identities of recipients that are at hand; where none is, it does not seem so."""
    from appliance.seal import facts, record

    stanzas = [stanza for stanza in header.stanzas if stanza.type not in (facts.TYPE, record.TYPE)]
    ours = [each for each in identities if str(each.recipient) in {str(recipient) for recipient in recipients}]
    return len(stanzas) == len(recipients) and bool(ours) and all(each.unwrap(header.stanzas) for each in ours)
