"""`appliance init`: keys, a first configuration, and the recovery kit, which is shown once and not kept.

Nothing is overwritten, and when something fails nothing of it stays behind.
"""

from __future__ import annotations

import shlex
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from appliance.base.errors import LocalError
from appliance.cli.first_config import Places, first_config
from appliance.cli.hand_over import hand_over
from appliance.cli.options import DEFAULT_CONFIG, as_in_config, json_option
from appliance.cli.output import say, write_json
from appliance.cli.passphrase import given_passphrase, passphrase_options
from appliance.config.load import parse_config
from appliance.config.values import parse_ae_title, parse_host_name, parse_host_port

_DIRECTORY = click.Path(path_type=Path, file_okay=False, readable=False)  # some are only named, and are others' already
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(name="init")
@click.option(
    "--dir",
    "directory",
    type=_DIRECTORY,
    default=Path("/etc/appliance"),
    show_default=True,
    help="Where keys, certificates and the configuration go.",
)
@click.option("--config", type=_FILE, help="The configuration file, if not appliance.toml in --dir.")
@click.option(
    "--ae-title",
    callback=as_in_config(parse_ae_title),
    default="EDGE01",
    show_default=True,
    help="The AE title of this box.",
)
@click.option(
    "--listen",
    callback=as_in_config(parse_host_port),
    default="[::]:2762",
    show_default=True,
    help="Where to listen for DICOM over TLS.",
)
@click.option(
    "--state-dir",
    type=_DIRECTORY,
    default=Path("/var/lib/appliance"),
    show_default=True,
    help="Where sealed objects go.",
)
@click.option(
    "--runtime-dir", type=_DIRECTORY, default=Path("/run/appliance"), show_default=True, help="Where sockets go."
)
@click.option("--with-ca", is_flag=True, help="Make a small CA for a site that has none, and certificates of this box.")
@passphrase_options
@click.option(
    "--name",
    "names",
    multiple=True,
    callback=as_in_config(parse_host_name),
    help="A DNS name or address that modalities use for this box; may be repeated.  [default: its host name]",
)
@click.option(
    "--classical", is_flag=True, help="Keys for age before 1.3 (X25519), which a quantum computer may open one day."
)
@click.option("--recovery-file", type=_FILE,
              help="Write the recovery kit to this file instead of the terminal. For trials: a kit on the box protects"
                   " nobody.")  # fmt: skip
@json_option
def command(
    directory: Path,
    config: Path | None,
    ae_title: str,
    listen: str,
    state_dir: Path,
    runtime_dir: Path,
    with_ca: bool,
    names: tuple[str, ...],
    classical: bool,
    recovery_file: Path | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Make keys and a first configuration.

    The passphrase, where one is given, is for the key of the CA that --with-ca makes.

    The recovery kit is shown once, on the terminal. It opens everything that this box will ever seal: print it, keep it
    where the box is not.

    Example: appliance init --ae-title EDGE01 --with-ca --name edge01.rad.example
    """
    if as_json and recovery_file is None:
        raise click.UsageError("With --json the recovery kit goes to a file: --recovery-file.")
    if recovery_file is None and not (sys.stdout and sys.stdout.isatty()):
        raise LocalError(
            "the recovery kit would end in a pipe or a file",
            fix="Run this on a terminal, or name a file for the kit on purpose: --recovery-file.",
        )
    from appliance.cli.first_site import FirstSite  # loads cryptography
    from appliance.cli.recovery_kit import RecoveryKit, show
    from appliance.seal.index_key import IndexKey
    from appliance.seal.keys import generate_identity

    places = Places.below(directory.absolute(), config.absolute() if config else None)
    box, recovery = (generate_identity("classical" if classical else "hybrid") for _ in range(2))
    index_key = IndexKey.generate()
    text = first_config(
        places,
        ae_title=ae_title,
        listen=listen,
        state_dir=state_dir.absolute(),
        runtime_dir=runtime_dir.absolute(),
        box=str(box.recipient),
        recovery=str(recovery.recipient),
        with_ca=with_ca,
    )
    parse_config(text.encode(), str(places.config))
    kit = RecoveryKit(ae_title, recovery.export(), index_key.export(), classical, datetime.now(UTC).date())
    names = names or (_host_name(ae_title),)
    passphrase = given_passphrase(passphrase_file, passphrase_fd) if with_ca else None
    with FirstSite(places) as site:
        site.secret(places.identity, box.export())
        site.secret(places.index_key, index_key.export())
        if with_ca:
            site.authority(ae_title, names, passphrase)
        site.config(text)
        if recovery_file:
            site.kit(recovery_file.absolute(), kit.text())
        else:
            show(kit)
    if as_json:
        write_json({"config": str(places.config), "made": list(map(str, site.made)), "recipient": str(box.recipient)})
    for path in dict.fromkeys(each.parent if each.parent.suffix == ".issued" else each for each in site.made):
        say(f"made {path}")
    if recovery_file:
        say(f"The recovery kit is in {recovery_file}. Move it off this box: whoever has both can read every object.")
    if with_ca and not passphrase:
        say(f"The key of the CA, {places.authority.with_suffix('.key')}, has no passphrase: `appliance certs protect`.")
    hand_over(*site.made)
    say(next_steps(places, names, with_ca))


def next_steps(places: Places, names: tuple[str, ...], with_ca: bool) -> str:
    """What is left to do, each with its command."""
    config = "" if places.config == DEFAULT_CONFIG else f" --config {shlex.quote(str(places.config))}"
    asked = " ".join(f"--name {shlex.quote(each)}" for each in names)
    start = "systemctl enable --now appliance.target" if not config else f"appliance run{config}"
    if with_ca:
        return f"""\
Next:
  1. A certificate for each device, with a page that says what to type there:
       appliance certs issue "CT suite 2" --name ct2.rad.example --ae-title CT_SUITE2 --address 10.20.0.11 \\
         --pkcs12 -d /media/usb{config}
  2. The device and your PACS into {places.config}, and then: appliance check{config}
  3. {start}"""
    return f"""\
Next:
  1. The CA of your hospital:
       appliance certs trust CA-FILE{config}
  2. A certificate of it for this box, signed for TLS servers:
       appliance certs request {asked} -o edge.csr{config}
       appliance certs install CERTIFICATE{config}
  3. Your devices and your PACS into {places.config}, and for a PACS called "pacs" there, signed for TLS clients:
       appliance certs request --for pacs -o client.csr{config}
       appliance certs install --for pacs CERTIFICATE{config}
  4. appliance check{config}
  5. {start}
A site without a CA moves {places.config.parent} away and begins with: appliance init --with-ca"""


def _host_name(ae_title: str) -> str:
    """The name of this machine, if it is one that a certificate may have."""
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else ae_title.lower()
