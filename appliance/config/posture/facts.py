"""What posture is judged by: facts about files, keys and certificates, gathered by others. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

BUILT_IN = "(built into the appliance)"
"""What every CA that `init` and `certs roll` make is marked with: nobody should take it for a hospital's."""

EXPOSED = 0o027  # a secret that others may read, or that a group may change, is no secret


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What one X.509 certificate says. `names` are DNS names, addresses and URIs of its subject alternative names."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha256: str  # of the DER, lower-case hex
    key_kind: str  # "ECDSA secp256r1", "RSA 2048", "Ed25519"
    weak: str = ""  # why key or signature should not be used any more
    authority: bool = False
    serves: bool = True  # may be shown by a TLS server
    calls: bool = True  # may be shown by a TLS client

    @property
    def built_in(self) -> bool:
        """Whether it is that of a CA of ours."""
        return self.authority and BUILT_IN in self.subject


@dataclass(frozen=True, slots=True)
class RevocationFacts:
    """What one revocation list says of itself. Without `next_update` it holds for ever."""

    issuer: str
    last_update: datetime
    next_update: datetime | None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file that the configuration names. `error` is why it cannot be read or used, empty when it can. `closed`: to
    who looks here, who is not root, and that says nothing of the programs."""

    error: str = ""
    mode: int = 0o400
    certificates: tuple[CertificateFacts, ...] = ()
    revocations: tuple[RevocationFacts, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class StateFacts:
    """The state directory: whether it is there, and whether we can write into it or make it."""

    exists: bool = True
    usable: bool = True
    closed: bool = False  # to who looks here, who is not root
    not_mounted: str = ""
    """What to say of the mount that the machine declares for it; "" where that is there, or none is declared."""


@dataclass(frozen=True, slots=True)
class RecipientFacts:
    """A recipient of [vault]: "hybrid" or "classical", or what is wrong with it."""

    kind: str = "hybrid"
    error: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is not in the configuration itself."""

    now: datetime
    files: Mapping[Path, FileFacts] = field(default_factory=dict)
    broken_pairs: Mapping[tuple[Path, Path], str] = field(
        default_factory=dict
    )  # certificate and key: why they are none
    server_trusted: bool = True  # client_ca leads to the certificate of [receive]
    without_list: Sequence[str] = ()  # CAs in client_ca that signed no list in client_crl
    state: StateFacts = StateFacts()
    recipients: Sequence[RecipientFacts] = ()  # in the order of the configuration
    identity: str | None = None  # the recipient that the identity belongs to; None where it cannot be seen from here
    stray_identity: Path | None = None  # a file with an identity in clear that the configuration does not name
    broken_secrets: Mapping[str, str] = field(default_factory=dict)  # "file:…": what is wrong with its content
    open_files: int | None = None  # how many a process may have (soft limit); None: no limit, or not known
    evidence_recipients: Sequence[RecipientFacts] = ()  # of [sensor], in the order of the configuration
    sensor_ca_error: str = ""  # why the sensor cannot use the file at ca of [sensor]; empty when it can, or has none
    sensor_knows_us: bool = True  # the CAs there lead to the certificate of [receive]
    respond_error: str = ""  # why the file that bounds blocking cannot be used; empty when it can, or is not needed
    closed: Sequence[Path] = ()  # what else who looks here may not look into
    roll_over: str = ""  # what is to be said of one of the built-in CA that is not finished
    authority_key: Path | None = None  # the private key of the CA, where it lies beside its certificate
