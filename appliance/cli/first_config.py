"""The text of a first configuration: right as it stands, with what comes next in comments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_TEXT = """\
# The PACS edge appliance. After a change run `appliance check`: it says by line what is wrong, and how safe the rest
# is.

[appliance]
ae_title    = {ae_title}
state_dir   = {state_dir}  # sealed objects and the queue; nothing in it can be read without a key
runtime_dir = {runtime_dir}  # sockets of the programs

[receive]
listen      = [{listen}]  # DICOM over TLS
# listen_plain     = ["10.20.0.1:104"]   # cleartext, for devices that cannot do TLS; each peer must be allowed to
# called_ae_titles = ["EDGE01", "PACS"]  # answer to several AE titles, to stand in for a PACS that devices know
certificate = {certificate}
key         = {key}
client_ca   = {client_ca}  # who signs the certificates of modalities
{crl}client_crl  = {client_crl}  # which of them are revoked; {crl_words}

# One [[peer]] for each device that may send. Everybody else is refused, and the log says what to add here.
#
# [[peer]]
# name        = "CT suite 2"
# ae_titles   = ["CT_SUITE2"]             # what the device calls itself
# addresses   = ["10.20.0.11"]            # addresses or ranges, "10.20.0.16/29"
# certificate = "san:ct2.rad.example"     # the name in its certificate, or "sha256:…"
# tls         = "required"                # or "allowed", "never": needs listen_plain
# services    = ["echo", "store"]

[vault]
# Each of these can open objects. The second is the recovery key: its identity is in the kit that `appliance init`
# printed, and nowhere on this box.
recipients = [
  {box},
  {recovery},
]
identity  = {identity}  # only to deliver in plaintext; leave it out where nothing is
index_key = {index_key}
min_free  = "10%"  # below this modalities are told to wait (0xA700); nothing unproven is deleted to make room
keep      = "72h"  # how long objects stay after they were delivered

# Where copies go.
#
# [[destination]]
# name        = "pacs"
# kind        = "dimse"
# address     = "pacs.rad.example:2762"
# ae_title    = "PACS"
# ca          = {client_ca}     # who signed the certificate of the destination
# certificate = {client_certificate}  # what we show there
# key         = {client_key}
#
# [[route]]
# to   = ["pacs"]
# when = {{ modality = ["CT", "MR"] }}      # without this: everything

# The sensor sees DICOM associations that nobody allowed.
#
# [sensor]
# interface = "eth1"
# mode      = "mirror"      # a mirror port; "host" watches this box alone
# decoy_ae  = "ARCHIVE"     # a title that nobody has: who calls it is a stranger
# ca        = {sensor_ca}  # the CAs of the site, where the sensor may read them
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where `init` puts things, and where their owner will."""

    config: Path
    keys: Path
    tls: Path

    @classmethod
    def below(cls, directory: Path, config: Path | None) -> Places:
        """The usual names in `directory`."""
        return cls(config or directory / "appliance.toml", directory / "keys", directory / "tls")

    @property
    def identity(self) -> Path:
        """The identity of the box."""
        return self.keys / "identity"

    @property
    def index_key(self) -> Path:
        """The index key."""
        return self.keys / "index-key"

    @property
    def authority(self) -> Path:
        """The certificate of the site CA; its key, where there is one, lies beside it."""
        return self.tls / "site-ca.crt"

    @property
    def authority_in_sight(self) -> Path:
        """That certificate once more, for the sensor, which may not look into the directory of keys."""
        return self.tls.parent / self.authority.name

    @property
    def revoked(self) -> Path:
        """The revocation list of the site CA."""
        return self.tls / "site-ca.crl"

    @property
    def server(self) -> Path:
        """What the listener shows to modalities."""
        return self.tls / "appliance.crt"

    @property
    def client(self) -> Path:
        """What we show to destinations."""
        return self.tls / "appliance-client.crt"


def first_config(
    places: Places,
    *,
    ae_title: str,
    listen: str,
    state_dir: Path,
    runtime_dir: Path,
    box: str,
    recovery: str,
    with_ca: bool,
) -> str:
    """The text of the file. Values are quoted here; whether they will do is for `config.load` to say."""
    values = {
        "ae_title": ae_title,
        "listen": listen,
        "state_dir": state_dir,
        "runtime_dir": runtime_dir,
        "certificate": places.server,
        "key": places.server.with_suffix(".key"),
        "client_ca": places.authority,
        "client_crl": places.revoked,
        "sensor_ca": places.authority_in_sight,
        "client_certificate": places.client,
        "client_key": places.client.with_suffix(".key"),
        "box": box,
        "recovery": recovery,
        "identity": f"file:{places.identity}",
        "index_key": f"file:{places.index_key}",
    }
    words = "`appliance certs revoke` writes it" if with_ca else "fetch that of your CA before you name it"
    written = {key: quoted(str(value)) for key, value in values.items()}
    return _TEXT.format_map({**written, "crl": "" if with_ca else "# ", "crl_words": words})


def quoted(text: str) -> str:
    """A basic string of TOML 1.0: JSON's escapes are a part of its own, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
