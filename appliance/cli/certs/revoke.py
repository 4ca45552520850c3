"""`appliance certs revoke`: a device that was stolen or sold is not let in any more, whatever its certificate says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.base.errors import ConfigError
from appliance.cli import offers
from appliance.cli.certs.authority import ca_key_option, certificate_of, opened, places, rollover_of
from appliance.cli.certs.slots import shown_now
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.passphrase import passphrase_options
from appliance.config.load import load_config

if TYPE_CHECKING:
    from appliance.host.issued_register import Entry, Register

_LIST_MODE = 0o444


@click.command(name="revoke")
@click.argument("device", nargs=-1, required=True, shell_complete=offers.issued_devices)
@ca_key_option
@passphrase_options
@config_option
@json_option
def command(
    device: tuple[str, ...], ca_key: Path | None, passphrase_file: Path | None, passphrase_fd: int | None, path: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Revoke certificates that the built-in CA issued: those of a DEVICE that was stolen, lost or sold.

    DEVICE is what `appliance certs issued` shows: its name, a name in its certificate, or how its SHA-256 begins; or a
    file with the certificate. It goes onto the list at client_crl, which receive takes up by itself: from then on no
    association with it begins. There is no way back; a device that comes back gets a new certificate.

    The certificate that this box shows is not revoked: `appliance certs renew` gives it another one first.

    The passphrase options are for the key of the CA. A hospital's CA revokes by itself, and publishes its list.

    Example: appliance certs revoke "CT suite 2"
    """
    from appliance.host.certificate_facts import is_signed_by
    from appliance.host.certificate_pair import put_file
    from appliance.host.issued_register import Register
    from appliance.host.revocation import without_list
    from appliance.host.revoking import revoke

    config = load_config(path)
    certificate, rollover = certificate_of(config), rollover_of(config)
    lists = config.receive.client_crl or certificate.with_suffix(".crl")
    register = Register(certificate, lists)
    chosen = [_meant(register, each) for each in device]
    own = shown_now(config)
    for each in chosen:
        if place := own.get(each.facts.sha256):
            raise ConfigError(
                f"that is the certificate that this box shows now (for {place})",
                fix="Nothing was revoked: whoever has the list would refuse this box, and nobody else. Where its key "
                f"got out: `appliance certs renew --for {shlex.quote(place)}`, and then revoke this one, "
                f"{each.facts.sha256[:16]}.",
            )
    old = rollover.leaving()
    of_old = {old is not None and is_signed_by(each.certificate, old) for each in chosen}
    if len(of_old) > 1:
        raise ConfigError("they are of two CAs", fix="Nothing was revoked: name those of each by themselves.")
    certificate, key = places(config, ca_key or (rollover.old_key if True in of_old else None))
    authority = opened(certificate, key, passphrase_file, passphrase_fd)
    for each in chosen:
        if not authority.has_issued(each.certificate):
            raise ConfigError(
                f"the built-in CA did not issue the certificate of {each.device}",
                fix=f"{each.facts.issuer} has to revoke it; its list belongs into client_crl.",
            )
    before = lists.read_bytes() if lists.exists() else b""
    put_file(lists, revoke(authority, before, [each.serial for each in chosen]), _LIST_MODE)
    in_force = config.receive.client_crl is not None
    if as_json:
        shown = [
            {"device": each.device, "names": list(each.facts.names), "sha256": each.facts.sha256} for each in chosen
        ]
        write_json({"revoked": shown, "list": str(lists), "in_force": in_force})
    else:
        for each in chosen:
            click.echo(f"revoked {each.device} ({', '.join(each.facts.names)}; SHA-256 {each.facts.sha256[:16]})")
    say("Its [[peer]] in the configuration goes too, where the device does not come back.")
    if in_force:
        say(f"{lists} is taken up by itself. Associations that are open now end as they would have;")
        say("to cut them: systemctl restart appliance-receive")
    else:
        say(f"NOT in force yet: add this to [receive] of {path}, then run `appliance check`:")
        say(f'client_crl = "{lists}"')
    for subject in without_list(certificate.read_bytes(), lists.read_bytes()):
        say(f"All devices of {subject} are refused while {lists} is in force without a list of that CA.")


def _meant(register: Register, who: str) -> Entry:
    """The one certificate that a person means. Raises `ConfigError` where it is none, or several."""
    file = Path(who)
    if file.is_file():
        return register.of_file(file.read_bytes())
    entries = register.entries()
    found = [each for each in entries if each.is_called(who)]
    open_ones = [each for each in found if each.trusted and not each.revoked]
    if len(open_ones) == 1:
        return open_ones[0]
    if open_ones:
        for each in open_ones:
            whose = " (this box)" if each.own else ""
            say(f"{each.facts.sha256[:16]}  {each.device}{whose}, from {each.facts.not_before:%Y-%m-%d}")
        raise ConfigError(
            f'{len(open_ones)} certificates are called "{who}"', fix="Name those that you mean by their SHA-256, above."
        )
    if found:
        gone = "has certificates of a CA that was replaced, and is refused"
        why = "was revoked" if any(each.revoked for each in found) else gone
        raise ConfigError(f'"{who}" {why} already', fix="`appliance certs issued` shows what was.")
    raise ConfigError(
        f'the built-in CA has no record of "{who}"',
        fix="`appliance certs issued` shows what it has; or name the file of the certificate.",
    )
