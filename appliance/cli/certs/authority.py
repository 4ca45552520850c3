"""The CA that is built in, for a site without one: where it lies, and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.base.errors import ConfigError
from appliance.cli.output import say
from appliance.cli.passphrase import known_passphrase
from appliance.config.model import Config

if TYPE_CHECKING:
    from appliance.host.certificates import Authority
    from appliance.host.rollover import Rollover

ca_key_option = click.option(
    "--ca-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key of the CA, where it is not beside client_ca.",
)


def certificate_of(config: Config) -> Path:
    """Where its certificate is. Raises `ConfigError` where the configuration names none."""
    certificate = config.receive.client_ca
    if certificate is None:
        raise ConfigError("the configuration names no client_ca", fix="`appliance init --with-ca` makes a CA.")
    return certificate


def places(config: Config, key: Path | None = None) -> tuple[Path, Path]:
    """Its certificate and its key, which `init` puts beside it. Raises `ConfigError` where there is none."""
    certificate = certificate_of(config)
    if key is None and rollover_of(config).unsettled:
        raise ConfigError("a roll-over of the CA was cut short", fix="`appliance certs roll --begin` goes on with it.")
    key = key or certificate.with_suffix(".key")
    for path, what in ((certificate, "certificate"), (key, "key")):
        if not path.is_file():
            raise ConfigError(
                f"the {what} of the built-in CA is not at {path}",
                fix="A hospital's CA signs elsewhere; where the key was moved off the box, name it: --ca-key FILE.",
            )
    return certificate, key


def rollover_of(config: Config) -> Rollover:
    """The roll-over of the built-in CA, which need not be under way."""
    from appliance.cli.certs.slots import trusted
    from appliance.host.rollover import Rollover

    certificate, others = certificate_of(config), trusted(config)
    others += [config.sensor.ca] if config.sensor and config.sensor.ca else []
    return Rollover(certificate, config.receive.client_crl or certificate.with_suffix(".crl"), others)


def opened(certificate: Path, key: Path, file: Path | None, descriptor: int | None) -> Authority:
    """The CA, ready to sign; asks for the passphrase of its key."""
    from appliance.host.certificate_facts import under_passphrase
    from appliance.host.certificates import Authority

    try:
        pem = key.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {key}: {error.strerror}", fix="Run it as root, or as its owner.") from None
    passphrase = None
    if under_passphrase(pem):
        passphrase = known_passphrase(file, descriptor)
    else:
        say(f"{key} has no passphrase: whoever copies it makes certificates of this site. `appliance certs protect`.")
    return Authority.load(certificate.read_bytes(), pem, passphrase)
