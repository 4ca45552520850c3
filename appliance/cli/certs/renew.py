"""`appliance certs renew`: the built-in CA gives this box its next certificate, and it is put in place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from appliance.base.errors import ConfigError, CryptoError
from appliance.cli.certs.authority import ca_key_option, opened, places, rollover_of
from appliance.cli.certs.slots import names_in_force, slot_of, slot_option
from appliance.cli.hand_over import hand_over
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.passphrase import passphrase_options
from appliance.config.load import load_config
from appliance.config.model import Config

if TYPE_CHECKING:
    from appliance.host.certificates import Authority
    from appliance.host.issued_register import Register


def _refuse_what_devices_do_not_trust(config: Config, register: Register, authority: Authority) -> None:
    """While the CA is replaced: a device that has nothing of the new one would take this box for a stranger."""
    rollover = rollover_of(config)
    old = rollover.leaving()
    left = register.left_with(old, datetime.now(UTC)) if old and authority.subject != old.subject else []
    if left:
        raise ConfigError(
            f"devices do not trust the new CA yet: {', '.join(each.device for each in left)}",
            fix="Nothing was changed. `appliance certs roll` says what they need; where this cannot wait, the old CA "
            f"signs once more (--ca-key {rollover.old_key}), or use --force.",
        )


@click.command(name="renew")
@slot_option
@click.option("--name", "names", multiple=True, help="A DNS name or address that it is for; may be repeated.  "
              "[default: those of the certificate in force]")  # fmt: skip
@click.option("--key-type", "kind", type=click.Choice(["ec", "rsa"]), default="ec", show_default=True,
              help="P-256, or RSA 3072 for peers with tls_profile = \"legacy\".")  # fmt: skip
@click.option("--force", is_flag=True, help="While the CA is replaced: even where devices do not trust its next one "
              "yet.")  # fmt: skip
@ca_key_option
@passphrase_options
@config_option
@json_option
def command(
    place: str, names: tuple[str, ...], kind: Literal["ec", "rsa"], force: bool, ca_key: Path | None,
    passphrase_file: Path | None, passphrase_fd: int | None, path: Path, as_json: bool,
) -> None:  # fmt: skip
    """Make a new key and certificate of this box with the CA that is built in, and put both in place.

    The programs take them up by themselves; open associations go on. The passphrase options are for the key of the CA.
    With a hospital's CA there are `appliance certs request` and `install`.

    Example: appliance certs renew
    """
    from appliance.host.certificate_facts import read_certificates
    from appliance.host.certificate_pair import install_pair
    from appliance.host.certificate_request import key_pem, private_key
    from appliance.host.certificate_trial import objections
    from appliance.host.issued_register import Register

    config = load_config(path)
    slot = slot_of(config, place)
    wanted = names or names_in_force(slot)
    if not wanted:
        raise click.UsageError("Give --name: there is no certificate yet from which the names could come.")
    certificate_of_ca, key_of_ca = places(config, ca_key)
    register = Register(certificate_of_ca, config.receive.client_crl)
    authority = opened(certificate_of_ca, key_of_ca, passphrase_file, passphrase_fd)
    if not force:
        _refuse_what_devices_do_not_trust(config, register, authority)
    key = private_key(kind)
    title = config.appliance.ae_title
    pem = authority.certify(key.public_key(), title, wanted, server=slot.server, client=not slot.server)
    trusted = authority.certificate
    against = objections(pem, key_pem(key), trusted, server=slot.server, names=wanted, now=datetime.now(UTC))
    if against:
        raise CryptoError(f"the CA cannot give a good one: {'; '.join(against)}", fix="Nothing was changed.")
    register.add(pem, own=True)
    install_pair(slot.certificate, pem, slot.key, key_pem(key))
    hand_over(slot.key)
    (facts,) = read_certificates(pem)
    until = f"{facts.not_after:%Y-%m-%d}"
    if as_json:
        write_json(
            {"place": slot.name, "names": list(wanted), "until": facts.not_after.isoformat(), "sha256": facts.sha256,
             "certificate": str(slot.certificate), "key": str(slot.key)}
        )  # fmt: skip
    else:
        click.echo(f"{slot.certificate} and {slot.key} are new, for {', '.join(wanted)}, until {until}.")
    say("The programs take them up by themselves; `appliance reload --wait` says when.")
