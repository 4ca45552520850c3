"""What the built-in CA has issued: a copy of each certificate in a directory beside that of the CA. No key is in it.

A certificate that nobody has a copy of cannot be revoked. Those of the box itself are told apart by their file's name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509

from appliance.base.errors import CryptoError, DiskError
from appliance.config.posture.facts import CertificateFacts
from appliance.host.certificate_facts import as_pem, load_certificates, read_certificates
from appliance.host.create import create_directory, create_file
from appliance.host.revoking import revoked
from appliance.host.rollover import Rollover

_SHORTEST = 8  # hex digits of a SHA-256 that name a certificate
_OWN = ".own.crt"


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate, what it says, whether it was revoked, whether it is this box's own, and whether the CA that
    signed it is trusted here: not after a roll-over."""

    certificate: x509.Certificate
    facts: CertificateFacts
    revoked: bool
    own: bool = False
    trusted: bool = True

    @property
    def serial(self) -> int:
        """What revocation lists name it by."""
        return self.certificate.serial_number

    @property
    def device(self) -> str:
        """What `issue` was given as its name."""
        return self.facts.subject.removeprefix("CN=").replace("\\", "")

    def is_called(self, who: str) -> bool:
        """Whether a person who says this means it: its device, a name of it, or how its SHA-256 begins."""
        digits = who.replace(":", "").lower()
        mine = {self.device.lower(), *(each.lower() for each in self.facts.names)}
        return who.lower() in mine or (len(digits) >= _SHORTEST and self.facts.sha256.startswith(digits))


class Register:
    """The copies of one CA, and its list of who was revoked."""

    def __init__(self, authority: Path, lists: Path | None) -> None:
        """`authority` is the certificate of the CA; `lists` the revocation lists in force, where there are any."""
        self.directory = authority.with_suffix(".issued")
        self._authority = authority
        self._lists = lists

    def add(self, certificate: bytes, *, own: bool = False) -> Path:
        """Keep a copy, before anybody else has one; where it is."""
        (one,) = load_certificates(certificate)
        create_directory(self.directory, 0o755)
        copy = self.directory / f"{one.serial_number:x}{_OWN if own else '.crt'}"
        create_file(copy, certificate, 0o444)
        return copy

    def entries(self) -> list[Entry]:
        """All of them, those that end first coming first. What is no certificate in the directory is passed over."""
        gone, trusted = self._revoked(), self._trusted()
        found = []
        for path in self._paths():
            try:
                found += self._read(path.read_bytes(), gone, own=path.name.endswith(_OWN))
            except (OSError, CryptoError):
                continue
        found = [replace(each, trusted=each.certificate.issuer in trusted) for each in found]
        return sorted(found, key=lambda each: (each.facts.not_after, each.serial))

    def in_use(self) -> dict[str, Entry]:
        """By device, this box left out: of those that were not revoked the one that ends last."""
        return {each.device: each for each in self.entries() if each.trusted and not (each.revoked or each.own)}

    def left_with(self, authority: x509.Certificate, now: datetime) -> list[Entry]:
        """The devices that have certificates of this CA alone, by name: of each, the one that ends last."""
        good = [each for each in self.entries() if not (each.revoked or each.own) and each.facts.not_after > now]
        elsewhere = {each.device for each in good if each.certificate.issuer != authority.subject}
        left = {each.device: each for each in good if each.device not in elsewhere}
        return [left[device] for device in sorted(left)]

    def of_file(self, content: bytes) -> Entry:
        """The certificate in a file that somebody kept: its first. Raises `CryptoError`."""
        from appliance.host.certificate_files import read_handed  # the panel needs no PKCS #12

        return self._read(as_pem(read_handed(content).certificates[:1]), self._revoked())[0]

    def _paths(self) -> list[Path]:
        try:
            return sorted(self.directory.glob("*.crt"))
        except OSError as error:
            raise DiskError(f"cannot look into {self.directory}: {error.strerror}") from None

    def _trusted(self) -> frozenset[x509.Name]:
        try:
            return frozenset(each.subject for each in load_certificates(self._authority.read_bytes()))
        except OSError as error:
            raise DiskError(f"cannot read {self._authority}: {error.strerror}") from None

    def _revoked(self) -> frozenset[int]:
        if self._lists is None or not self._lists.exists():
            return frozenset()
        lists, ours = self._lists.read_bytes(), load_certificates(self._authority.read_bytes())[:1]
        old = Rollover(self._authority, self._lists).old()
        return frozenset[int]().union(*(revoked(each, lists) for each in (*ours, *([old] if old else ()))))

    def _read(self, pem: bytes, gone: frozenset[int], *, own: bool = False) -> list[Entry]:
        loaded = zip(load_certificates(pem), read_certificates(pem), strict=True)
        return [Entry(each, facts, each.serial_number in gone, own) for each, facts in loaded]
