"""The demo's hospital: a temporary directory with a small site CA, certificates, keys, and the appliance's config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.host.certificates import Authority
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Identity, generate_identity

_CONFIG = """\
# The demo's configuration: as one could stand in /etc/appliance/appliance.toml, but for its paths and ports.

[appliance]
ae_title    = "EDGE01"
state_dir   = "{state}"
runtime_dir = "{runtime}"

[receive]
listen           = ["127.0.0.1:{port}"]
called_ae_titles = ["EDGE01", "PACS"]
certificate      = "{tls}/appliance.crt"
key              = "{tls}/appliance.key"
client_ca        = "{tls}/site-ca.crt"

[[peer]]
name        = "CT suite 1"
ae_titles   = ["CT1"]
addresses   = ["127.0.0.1"]
certificate = "san:ct1.demo.example"

[[peer]]
name        = "MR suite"                # registered, at another address than the demo's
ae_titles   = ["MR1"]
addresses   = ["192.0.2.7"]
certificate = "san:mr1.demo.example"

[vault]
recipients = [
  "{box}",  # this box
  "{recovery}",  # recovery, kept offline
]
identity  = "file:{keys}/identity"
index_key = "file:{keys}/index-key"
min_free  = "64MiB"
keep      = "72h"

[[destination]]
name        = "pacs"
kind        = "dimse"
address     = "127.0.0.1:{upstream_port}"
ae_title    = "PACS"
ca          = "{tls}/site-ca.crt"
certificate = "{tls}/appliance.crt"
key         = "{tls}/appliance.key"
server_name = "pacs.demo.example"

[[route]]
to = ["pacs"]

[sensor]
interface = "lo"
mode      = "host"
decoy_ae  = "ARCHIVE"
"""


@dataclass(frozen=True, slots=True)
class Party:
    """A TLS identity: key, certificate and the CA to check the other side with, as PEM files."""

    key: Path
    certificate: Path
    ca: Path


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that was made for one demo."""

    root: Path
    config: Path
    state: Path
    runtime: Path
    log: Path
    recovery: Path
    box: Identity
    port: int
    upstream_port: int
    ct: Party
    other: Party
    foreign: Party
    upstream: Party


def build(root: Path, *, classical: bool, port: int, upstream_port: int) -> Site:
    """Make the hospital below `root`."""
    tls, keys, state, runtime = (root / name for name in ("tls", "keys", "state", "run"))
    for directory in (tls, keys, state, runtime):
        directory.mkdir(mode=0o700)
    ca = Authority.create("Demo site CA")
    (tls / "site-ca.crt").write_bytes(ca.certificate)

    def party(name: str, *names: str, authority: Authority = ca) -> Party:
        authority.issue(names[0], names, server=True, client=True).write(tls / f"{name}.crt", tls / f"{name}.key")
        return Party(tls / f"{name}.key", tls / f"{name}.crt", tls / "site-ca.crt")

    party("appliance", "edge01.demo.example", "127.0.0.1")
    kind: Literal["classical", "hybrid"] = "classical" if classical else "hybrid"
    box, recovery = generate_identity(kind), generate_identity(kind)
    _secret(keys / "identity", box.export())
    _secret(keys / "index-key", IndexKey.generate().export())
    _secret(root / "recovery-identity", recovery.export())
    config = root / "appliance.toml"
    config.write_text(
        _CONFIG.format(
            state=state,
            runtime=runtime,
            tls=tls,
            keys=keys,
            port=port,
            upstream_port=upstream_port,
            box=box.recipient,
            recovery=recovery.recipient,
        )
    )
    return Site(
        root=root,
        config=config,
        state=state,
        runtime=runtime,
        log=root / "appliance.log",
        recovery=root / "recovery-identity",
        box=box,
        port=port,
        upstream_port=upstream_port,
        ct=party("ct1", "ct1.demo.example"),
        other=party("laptop", "laptop.demo.example"),
        foreign=party("foreign", "ct1.demo.example", authority=Authority.create("Somebody else's CA")),
        upstream=party("pacs", "pacs.demo.example"),
    )


def _secret(path: Path, text: str) -> None:
    path.touch(mode=0o400, exist_ok=False)
    path.chmod(0o600)
    path.write_text(text + "\n")
    path.chmod(0o400)
