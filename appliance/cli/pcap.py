"""A capture file through the sensor's engine, for the commands that read one."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.base.errors import ConfigError
from appliance.cli.output import console, say
from appliance.config.model import Config

if TYPE_CHECKING:
    from appliance.inspection.engine import Inspection, SignedBySite
    from appliance.inspection.registry import Registry

_LONG = 50 << 20  # bytes of a file of which progress is shown

Tell = Callable[[dict[str, Any]], None]

own_option = click.option(
    "--own-address",
    "own",
    multiple=True,
    metavar="ADDRESS",
    help="An address of the appliance in the capture. Without it, listeners on every address are taken to be anywhere.",
)


def registry_of(config: Config, own: tuple[str, ...]) -> Registry:
    """Who is known, in a capture that was made elsewhere."""
    from appliance.capture.surroundings import named_hosts, resolve
    from appliance.inspection.registry import Registry, Surroundings

    addresses = frozenset(ipaddress.ip_address(each) for each in _checked(own)) or None
    return Registry.build(config, Surroundings(addresses, resolve(named_hosts(config))))


def signed_by_site(config: Config) -> SignedBySite | None:
    """Whether a CA of the site signed a certificate; None where the configuration names none, or they are not here."""
    from appliance.capture.site_ca import read_site_ca

    if config.sensor is None or config.sensor.ca is None:
        return None
    try:
        return read_site_ca(config.sensor.ca).signed
    except ConfigError as error:
        say(f"Who signed certificates is not looked at: {error.message}.")
        return None


def inspect_file(
    pcap: Path, registry: Registry, tell: Tell | None = None, signed: SignedBySite | None = None
) -> tuple[Inspection, list[dict[str, Any]], int]:
    """Everything in a file through an engine. Gives it, the alerts unless each was told, and the frames passed over."""
    from appliance.capture.certificate import read_certificate
    from appliance.capture.pcap_file import PcapFile
    from appliance.inspection.engine import Inspection

    inspection = Inspection(registry, pcap.name, certificates=read_certificate, signed=signed)
    file = PcapFile(pcap)
    alerts: list[dict[str, Any]] = []
    with _Progress(sys.stderr.isatty() and pcap.stat().st_size > _LONG) as progress:
        for batch in file.batches():
            inspection.inspect(batch)
            alerts += _taken(inspection, tell)
            progress.update(file.progress)
    if file.cut:
        inspection.lost(0, 0.0, "the file is damaged or cut short: what lies behind that was not read")
        say(f"{pcap} is damaged or cut short: what lies behind that was not read.")
    inspection.finish()
    alerts += _taken(inspection, tell)
    file.close()
    return inspection, alerts, file.passed_over


def _checked(own: tuple[str, ...]) -> tuple[str, ...]:
    for each in own:
        try:
            ipaddress.ip_address(each)
        except ValueError:
            raise click.BadParameter(f"{each!r} is no IP address", param_hint="--own-address") from None
    return own


def _taken(inspection: Inspection, tell: Tell | None) -> list[dict[str, Any]]:
    records = inspection.take_alerts()
    if tell is None:
        return records
    for record in records:
        tell(record)
    return []


class _Progress:
    """A bar on stderr, for a person who waits."""

    def __init__(self, shown: bool) -> None:
        self._bar: Any = None
        if shown:
            from rich.progress import Progress

            self._bar = Progress(console=console(stderr=True), transient=True)
            self._task = self._bar.add_task("reading", total=1.0)

    def update(self, share: float) -> None:
        """So much was read, 0 to 1."""
        if self._bar:
            self._bar.update(self._task, completed=share)

    def __enter__(self) -> _Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
