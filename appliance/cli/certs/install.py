"""`appliance certs install`: checks a certificate and puts it where the configuration has it.

Reads what CAs hand out, in any form and order; what it writes is PEM, the certificate first, and never a key beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import ConfigError, CryptoError
from appliance.cli.certs.reading import content_of
from appliance.cli.certs.slots import Slot, names_in_force, slot_of, slot_option, trusted
from appliance.cli.hand_over import hand_over
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.passphrase import known_passphrase, passphrase_options
from appliance.config.load import load_config

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(name="install")
@click.argument("files", metavar="CERTIFICATE...", nargs=-1, required=True, type=_FILE)
@slot_option
@click.option("--key", "key_file", type=_FILE, help="Its key, where it was not made by `appliance certs request`.")
@click.option("--ca", "authority", type=_FILE, help="The CA that its chain leads to, where the configuration names "
              "none that it does.")  # fmt: skip
@click.option("--name", "names", multiple=True, help="A name that it has to have; may be repeated.  [default: those of "
              "the certificate in force]")  # fmt: skip
@passphrase_options
@config_option
@json_option
def command(
    files: tuple[Path, ...], place: str, key_file: Path | None, authority: Path | None, names: tuple[str, ...],
    passphrase_file: Path | None, passphrase_fd: int | None, path: Path, as_json: bool,
) -> None:  # fmt: skip
    """Check CERTIFICATE, what the CA sent, and put it and its key in their place.

    It is PEM, DER (.cer) or PKCS #7 (.p7b), or PKCS #12 (.pfx) with a key of its own; the passphrase options are for
    that, or for --key. The CAs in between are in the same file or in others, in any order.

    It has to fit its key, lead to a CA that is known here, be valid now, be for the right purpose and for the names
    that the old one is for, and be strong enough. Nothing is changed where it is not. The programs take it up by
    themselves; open associations go on.

    Exit status: 0 it is in place, 65 it will not do.

    Example: appliance certs install edge01.pem
    """
    from appliance.host.certificate_facts import as_pem, is_pair, load_certificates, load_key, under_passphrase
    from appliance.host.certificate_files import is_pkcs12, own_chain, read_handed, together
    from appliance.host.certificate_pair import install_pair
    from appliance.host.certificate_request import key_pem
    from appliance.host.certificate_trial import authorities_of, objections

    config = load_config(path)
    slot = slot_of(config, place)
    contents, locked = list(map(content_of, files)), content_of(key_file) if key_file else b""
    passphrase = None
    if any(map(is_pkcs12, contents)) or under_passphrase(locked):
        passphrase = known_passphrase(passphrase_file, passphrase_fd)
    handed = together(read_handed(each, passphrase) for each in contents)
    private = load_key(locked or handed.key or _waiting(slot, handed.certificates), passphrase)
    known = [each for each in ([authority] if authority else trusted(config)) if each.exists()]
    authorities = b"\n".join(authorities_of(as_pem(read_handed(content_of(each)).certificates)) for each in known)
    if not authorities:
        raise ConfigError("no CA is known here", fix="Run `appliance certs trust` with the one that signed it.")
    pem = as_pem(own_chain(handed.certificates, load_certificates(authorities), private.public_key()))
    key = key_pem(private)
    wanted = names or (names_in_force(slot) if slot.server else ())
    against = objections(pem, key, authorities, server=slot.server, names=wanted, now=datetime.now(UTC))
    if against:
        for each in against:
            say(f"{files[0]}: {each}")
        raise CryptoError(
            f"this certificate will not do for {slot.name}, and nothing was changed",
            fix="Mend what is said above, or have the CA issue another. Names: --name; another CA: --ca.",
        )
    install_pair(slot.certificate, pem, slot.key, key)
    if not locked and not handed.key and slot.requested.exists() and is_pair(pem, slot.requested.read_bytes()):
        slot.requested.unlink()
    if as_json:
        write_json({"place": slot.name, "certificate": str(slot.certificate), "key": str(slot.key)})
    else:
        click.echo(f"{slot.certificate} and {slot.key} are in place.")
    hand_over(slot.key)
    say("The programs take it up by themselves; `appliance reload --wait` says when.")


def _waiting(slot: Slot, certificates: Sequence[Any]) -> bytes:
    """The key that it is for, where none came with it: that of the request, or the one in force. A CA that renews a
    certificate may have kept its key, whatever was requested since."""
    from appliance.host.certificate_facts import as_pem, is_pair

    here = [content_of(each) for each in (slot.requested, slot.key) if each.exists()]
    if not here:
        raise ConfigError(
            f"there is no key for {slot.name}", fix="`appliance certs request` makes one, or name its file: --key."
        )
    return next((key for key in here if any(is_pair(as_pem([each]), key) for each in certificates)), here[0])
