"""`appliance certs issue`: the built-in CA gives a device its certificate, and a person there a page."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.base.errors import ConfigError, LocalError
from appliance.cli import offers
from appliance.cli.certs.authority import ca_key_option, opened, places, rollover_of
from appliance.cli.certs.enrolment import page
from appliance.cli.certs.slots import SERVER, names_in_force, slots
from appliance.cli.options import as_in_config, config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.passphrase import passphrase_options
from appliance.config.load import load_config
from appliance.config.model import Config
from appliance.config.values import parse_ae_title, parse_name, parse_network

if TYPE_CHECKING:
    from appliance.host.issued_register import Register

_WORDS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is mistaken for something else on a scanner's keyboard


def _refuse_others_names(config: Config, register: Register, device: str, names: tuple[str, ...]) -> None:
    """A request is what its sender wrote: it must not make one device out of another, or of this box."""
    slot = slots(config).get(SERVER)
    taken = dict.fromkeys(names_in_force(slot) if slot else (), "this box")
    taken |= {name: other for other, each in register.in_use().items() if other != device for name in each.facts.names}
    lower = {name.lower(): whose for name, whose in taken.items()}
    for name in names:
        if whose := lower.get(name.lower()):
            raise ConfigError(
                f"the request asks for {name}, which is a name of {whose}",
                fix="Nothing was issued. Name those that it is to have: --name.",
            )


def _address(value: str) -> str:
    parse_network(value)
    return value  # as it was written, which is what the configuration takes too


@click.command(name="issue")
@click.argument("device", callback=as_in_config(parse_name), shell_complete=offers.peers)
@click.option("--name", "names", multiple=True, help="A DNS name or address of the device; may be repeated.  [default: "
              "those in --request]")  # fmt: skip
@click.option(
    "--ae-title", callback=as_in_config(parse_ae_title), help="The AE title that it calls itself, for the page."
)
@click.option("--address", callback=as_in_config(_address), help="The address that it calls from, for the page.")
@click.option("--request", "request", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="A request (PKCS #10) that the device made; its key stays there.")  # fmt: skip
@click.option("--pkcs12", is_flag=True, help="Also write key and certificates as one file under a passphrase.")
@click.option("--old-pkcs12", is_flag=True, help="The same for a device that reads Triple DES and SHA-1 only.")
@click.option(
    "--server",
    is_flag=True,
    help="It also takes associations over TLS: a PACS, or a device that gets commitment reports.",
)
@click.option("-d", "--directory", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default=True,
              help="Where the files go.")  # fmt: skip
@ca_key_option
@passphrase_options
@config_option
@json_option
def command(
    device: str, names: tuple[str, ...], ae_title: str | None, address: str | None, request: Path | None, pkcs12: bool,
    old_pkcs12: bool, server: bool, directory: Path, ca_key: Path | None, passphrase_file: Path | None,
    passphrase_fd: int | None, path: Path, as_json: bool,
) -> None:  # fmt: skip
    """Issue a certificate for DEVICE ("CT suite 2") with the CA that is built in, for a site without one.

    Writes certificate, key and CA certificate as PEM, with --pkcs12 also as one file, and a page for the person at the
    device: what to type there, and what to add to the configuration here. The passphrase options are for the key of the
    CA. A hospital that has a CA uses that one instead.

    Example: appliance certs issue "CT suite 2" --name ct2.rad.example --ae-title CT_SUITE2 --pkcs12 -d /media/usb
    """
    from appliance.host import pkcs12 as container
    from appliance.host.certificate_facts import as_pem, read_certificates
    from appliance.host.certificate_request import key_pem, private_key, read_request
    from appliance.host.create import create_file
    from appliance.host.issued_register import Register

    if request and (pkcs12 or old_pkcs12):
        raise click.UsageError("With --request the key is the device's own: there is none to put into a PKCS #12 file.")
    config = load_config(path)
    asked = read_request(request.read_bytes()) if request else None
    wanted = names or (asked.names if asked else ())
    if not wanted:
        raise click.UsageError("Give --name: what the device is called in the network, or its address.")
    certificate_of_ca, key_of_ca = places(config, ca_key)
    register = Register(certificate_of_ca, config.receive.client_crl)
    if asked and not names:
        _refuse_others_names(config, register, device, asked.names)
    stem = directory / (re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-") or "device")
    files = {kind: stem.with_name(f"{stem.name}{kind}") for kind in (".crt", ".key", ".p12", ".txt")}
    for each in files.values():
        if each.exists():
            raise LocalError(f"{each} exists already", fix="Nothing was written: move it away or name another -d.")
    if not directory.is_dir():
        raise LocalError(
            f"there is no directory {directory}",
            fix="Nothing was issued. Is the stick mounted there? Else make it, or name another -d.",
        )
    if not (directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)):
        raise LocalError(
            f"cannot write into {directory}", fix="Nothing was issued: make the directory, or name another -d."
        )
    authority = opened(certificate_of_ca, key_of_ca, passphrase_file, passphrase_fd)
    old = rollover_of(config).leaving()
    if old and authority.subject == old.subject:
        raise ConfigError(f"{key_of_ca} is the key of the CA that is being replaced", fix="Name that of the new one.")
    trusted = authority.certificate + (as_pem([old]) if old else b"")
    key = None if asked else private_key("rsa" if old_pkcs12 else "ec")
    public = asked.key if asked else key.public_key() if key else None
    certificate = authority.certify(public, device, wanted, client=True, server=server)
    passphrase = "-".join("".join(secrets.choice(_WORDS) for _ in range(5)) for _ in range(4))
    register.add(certificate)
    made: dict[str, Any] = {}

    def write(kind: str, content: bytes | str, mode: int) -> None:
        create_file(files[kind], content, mode)
        made[kind.lstrip(".")] = str(files[kind])

    if key is not None:
        if pkcs12 or old_pkcs12:
            pem = container.bundle(device, certificate, key_pem(key), trusted, passphrase, old=old_pkcs12)
            write(".p12", pem, 0o400)
        else:
            write(".key", key_pem(key), 0o400)
    write(".crt", certificate + trusted, 0o444)
    facts = read_certificates(certificate)[0]
    text = page(config, device, facts, ae_title=ae_title, address=address, files=made, authorities=trusted)
    write(".txt", text, 0o644)
    if as_json:
        write_json({"device": device, "names": list(wanted), "sha256": facts.sha256, "files": made})
    else:
        click.echo(text, nl=False)
    for each in made.values():
        say(f"made {each}")
    if "p12" in made:
        say(f"The passphrase of {made['p12']} is shown once: {passphrase}")
        say("Tell it apart from the file: by telephone, not on the same stick.")
