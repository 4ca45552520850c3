"""`appliance certs roll`: the built-in CA is replaced by its next one, before it ends or when its key is lost."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.base.errors import ConfigError
from appliance.cli.certs.authority import rollover_of
from appliance.cli.certs.reading import content_of
from appliance.cli.certs.slots import slots
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.passphrase import given_passphrase, new_passphrase, passphrase_options
from appliance.config.load import load_config
from appliance.config.model import Config
from appliance.config.posture.facts import BUILT_IN, CertificateFacts

if TYPE_CHECKING:
    from appliance.host.issued_register import Entry
    from appliance.host.rollover import Rollover

_NEEDS_SOMEBODY = 1
_BEGIN, _FINISH = "appliance certs roll --begin", "appliance certs roll --finish"
_CUT = {"cut": _BEGIN, "unsettled": _BEGIN, "closing": _FINISH}
"""What goes on with a roll-over that was cut short."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where it stands: the CA that signs, the one that goes, and who has certificates of that one alone."""

    stage: str
    signs: CertificateFacts
    goes: CertificateFacts | None = None
    devices: list[Entry] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def left(self) -> list[str]:
        """What is still to be typed, in this order."""
        if self.goes is None:
            return []
        if self.stage in _CUT:
            return [_CUT[self.stage]]
        issue = [_issue(each) for each in self.devices]
        return [*issue, *map(_renew, self.places), _FINISH]


@click.command(name="roll")
@click.option("--begin", is_flag=True, help="Make the next CA, which signs from now on; both are trusted.")
@click.option("--finish", is_flag=True, help="Trust the old CA no more, and remove its key from this box.")
@click.option("--force", is_flag=True, help="With --finish: even where that turns devices away.")
@passphrase_options
@config_option
@json_option
def command(
    begin: bool, finish: bool, force: bool, passphrase_file: Path | None, passphrase_fd: int | None, path: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Replace the CA that is built in by its next one, in steps that turn no device away. Without an option it shows
    where that stands, and what to type next.

    --begin makes the new CA; the old one's key is not needed. Each device then gets its next certificate (`appliance
    certs issue`) and trusts both CAs; when all do, this box gets its own (`appliance certs renew`), and --finish ends
    the trust in the old CA. A step that was cut short is typed again. The passphrase options are for the new key, which
    has one where the old key has, or is not on this box.

    Exit status: 0 nothing is left to do, 1 something is, 78 it was refused, and nothing was changed.

    Example: appliance certs roll --begin
    """
    if (begin and finish) or (force and not finish):
        raise click.UsageError("Give --begin or --finish; --force goes with --finish.")
    from appliance.host.replace import locked_directory

    config = load_config(path)
    rollover = rollover_of(config)
    standing = _standing(config, rollover)
    if begin or finish:
        with locked_directory(rollover.authority.parent):
            if begin:
                _begin(config, rollover, passphrase_file, passphrase_fd)
            else:
                _finish(rollover, standing, force)
    done, standing = standing, _standing(config, rollover)
    away = [each.device for each in done.devices] if finish else []
    if as_json:
        write_json({**_as_json(standing), "turned_away": away})
    else:
        _show(standing)
        if finish and done.goes:
            turned = f" Turned away: {', '.join(away)}." if away else ""
            click.echo(f"{done.goes.subject} is not trusted any more.{turned}")
    raise SystemExit(_NEEDS_SOMEBODY if standing.left() and not begin else 0)


def _standing(config: Config, rollover: Rollover) -> Standing:
    from appliance.host.certificate_facts import read_certificates
    from appliance.host.issued_register import Register

    stage, old = rollover.stage().value, rollover.old()
    if stage == "open" and rollover.unsettled:
        stage = "unsettled"
    signs = read_certificates(content_of(rollover.authority))[0]
    if old is None:
        return Standing(stage, signs)
    goes = read_certificates(content_of(rollover.old_certificate))[0]
    devices = Register(rollover.authority, config.receive.client_crl).left_with(old, datetime.now(UTC))
    shown: dict[Path, str] = {}
    for name, slot in slots(config).items():
        if slot.certificate.is_file():
            shown.setdefault(slot.certificate, name)
    places = [name for file, name in shown.items() if read_certificates(content_of(file))[0].issuer == goes.subject]
    return Standing(stage, signs, goes, devices, places)


def _begin(config: Config, rollover: Rollover, file: Path | None, descriptor: int | None) -> None:
    from appliance.host.certificate_facts import read_certificates, under_passphrase
    from appliance.host.certificates import Authority
    from appliance.host.rollover import Stage

    stage = rollover.stage()
    if stage is Stage.CLOSING:
        raise ConfigError("the roll-over before was cut short at its end", fix=f"`{_FINISH}` goes on with it.")
    if stage is Stage.OPEN:
        rollover.settle()
        return
    there = read_certificates(content_of(rollover.authority))
    if not there[0].built_in:
        raise ConfigError(
            f"{there[0].subject}, the first in {rollover.authority}, is no CA that is built in",
            fix="A hospital replaces its own; `appliance certs trust` takes the next one.",
        )
    if rollover.key.exists() and not under_passphrase(content_of(rollover.key)):
        passphrase = given_passphrase(file, descriptor)
    else:
        passphrase = new_passphrase(file, descriptor)
    following = Authority.create(_next_name(config.appliance.ae_title, [each.subject for each in there]))
    key = following.key_under(passphrase) if passphrase else following.key
    rollover.begin(following, key, datetime.now(UTC))
    say(f"{rollover.key} is the key of the new CA: move it off the box between two uses.")
    if not passphrase:
        say("It has no passphrase, as the one before: `appliance certs protect`.")


def _next_name(ae_title: str, taken: list[str]) -> str:
    """One that no CA has yet: lists and certificates are told apart by it."""
    numbers = [int(each) for name in taken for each in re.findall(rf" site CA (\d+) {re.escape(BUILT_IN)}", name)]
    return f"{ae_title} site CA {max(numbers, default=1) + 1} {BUILT_IN}"


def _finish(rollover: Rollover, standing: Standing, force: bool) -> None:
    from appliance.host.rollover import Stage

    stage = rollover.stage()
    if stage in (Stage.NONE, Stage.CUT):
        raise ConfigError("no roll-over of the CA is under way", fix="`appliance certs roll --begin` begins one.")
    left = [*(each.device for each in standing.devices), *(f"this box (for {each})" for each in standing.places)]
    if stage is Stage.OPEN and left and not force:
        raise ConfigError(
            f"certificates of the old CA are in use: {', '.join(left)}",
            fix="Nothing was changed. `appliance certs roll` says what they need; a device that is gone: `appliance "
            "certs revoke`; to turn them away: --force.",
        )
    rollover.finish()


def _issue(each: Entry) -> str:
    """What gives it the same again, from the new CA."""
    names = "".join(f" --name {shlex.quote(name)}" for name in each.facts.names)
    return f"appliance certs issue {shlex.quote(each.device)}{names}{' --server' if each.facts.serves else ''}"


def _renew(place: str) -> str:
    return f"appliance certs renew --for {shlex.quote(place)}"


def _as_json(standing: Standing) -> dict[str, Any]:
    def of(facts: CertificateFacts) -> dict[str, str]:
        return {"subject": facts.subject, "until": facts.not_after.isoformat(), "sha256": facts.sha256}

    return {
        "stage": standing.stage,
        "signs": of(standing.signs),
        "goes": of(standing.goes) if standing.goes else None,
        "devices": [{"device": each.device, "sha256": each.facts.sha256} for each in standing.devices],
        "box": standing.places,
        "left": standing.left(),
    }


def _show(standing: Standing) -> None:
    click.echo(f"{standing.signs.subject} signs, until {standing.signs.not_after:%Y-%m-%d}")
    if standing.goes is None:
        return
    if standing.stage in _CUT:
        click.echo("A roll-over was cut short. This goes on with it:")
        click.echo(f"  {_CUT[standing.stage]}")
        return
    click.echo(f"{standing.goes.subject} goes; both are trusted")
    steps = {
        "Devices that have certificates of the old CA alone; each gets its next one, and trusts both CAs:": [
            _issue(each) for each in standing.devices
        ],
        "This box, when every device has its new certificate in use:": [_renew(each) for each in standing.places],
        "And then:": [_FINISH],
    }
    for what, lines in steps.items():
        if lines:
            click.echo(what)
        for line in lines:
            click.echo(f"  {line}")
