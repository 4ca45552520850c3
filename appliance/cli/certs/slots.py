"""Where the configuration has a certificate of this box with its key: for `receive`, for a destination, for the reports
to a peer, for syslog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import ConfigError, CryptoError
from appliance.cli import offers
from appliance.config.model import Config

SERVER = "receive"
SYSLOG = "syslog"
REQUESTED = ".requested"


@dataclass(frozen=True, slots=True)
class Slot:
    """One place. `server`: it is shown to who connects to us; else we show it to who asks."""

    name: str
    certificate: Path
    key: Path
    server: bool

    @property
    def requested(self) -> Path:
        """The key of a request that was not answered yet."""
        return self.key.with_name(self.key.name + REQUESTED)


def slots(config: Config) -> dict[str, Slot]:
    """All places, by name. The two names that are ours are not a destination's, nor a destination's a peer's."""
    receive, found = config.receive, {}
    if receive.certificate and receive.key:
        found[SERVER] = Slot(SERVER, receive.certificate, receive.key, server=True)
    if config.alerts and config.alerts.certificate and config.alerts.key:
        found[SYSLOG] = Slot(SYSLOG, config.alerts.certificate, config.alerts.key, server=False)
    for each in config.destination:
        if each.shown:
            found.setdefault(each.name, Slot(each.name, *each.shown, server=False))
    for peer in config.peer:
        report, known = peer.commitment, {each.certificate for each in found.values()}
        if report and report.certificate and report.key and report.certificate not in known:
            found.setdefault(peer.name, Slot(peer.name, report.certificate, report.key, server=False))
    return found


def slot_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --for; the command gets `place`."""
    return click.option(
        "--for", "place", default=SERVER, show_default=True, metavar="PLACE", shell_complete=offers.certificate_places,
        help=f'Whose: "{SERVER}", what modalities see; the name of a destination, or of a peer that takes commitment '
        f'reports; or "{SYSLOG}".',
    )(command)  # fmt: skip


def slot_of(config: Config, place: str) -> Slot:
    """The place of that name. Raises `ConfigError`."""
    known = slots(config)
    if place not in known:
        raise ConfigError(
            f'the configuration has no certificate for "{place}"',
            fix=f"It has one for: {', '.join(known) or 'nothing'}. Name certificate and key there first.",
        )
    return known[place]


def trusted(config: Config) -> list[Path]:
    """The files of CAs that the configuration names."""
    named = [config.receive.client_ca, *(path for each in config.destination for path in each.authorities.values())]
    named += [each.commitment.ca for each in config.peer if each.commitment]
    named += [config.alerts.ca] if config.alerts else []
    return list(dict.fromkeys(path for path in named if path is not None))


def shown_now(config: Config) -> dict[str, str]:
    """What this box shows: the SHA-256 of each certificate, and for what it is. What cannot be read is passed over."""
    from appliance.host.certificate_facts import read_certificates

    found: dict[str, str] = {}
    for slot in slots(config).values():
        try:
            found.setdefault(read_certificates(slot.certificate.read_bytes())[0].sha256, slot.name)
        except (OSError, CryptoError):
            continue
    return found


def names_in_force(slot: Slot) -> tuple[str, ...]:
    """Those of the certificate that is there, which nobody should miss; none where there is none."""
    from appliance.host.certificate_facts import read_certificates

    try:
        return read_certificates(slot.certificate.read_bytes())[0].names
    except (OSError, CryptoError):
        return ()
