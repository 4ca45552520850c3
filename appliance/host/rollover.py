"""Replaces the built-in CA by its next one, in steps: what lies beside the file of CAs, and in which order it changes.

The first certificate in that file is of the CA that signs. While a roll-over is under way the one before it is in the
file too, and a copy in `….old.crt` says which: that copy is the first to come and the last to go, so each step can be
taken again wherever it was cut. A CA is trusted only while client_crl has a list of it, else all its devices would be
refused: the list comes before the certificate, and goes after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum
from pathlib import Path

from cryptography import x509

from appliance.base.errors import CryptoError, DiskError, LocalError
from appliance.host.certificate_facts import as_pem, load_certificates
from appliance.host.certificate_pair import flush_directory, put_file
from appliance.host.certificates import Authority
from appliance.host.revoking import with_empty_list, without_list_of

_PUBLIC = 0o444
_SECRET = 0o400
_AGAIN = "Run this as root (sudo), or as the owner of the directory; the same command goes on where it was cut."


class Stage(Enum):
    """Where a roll-over stands."""

    NONE = "none"
    CUT = "cut"
    """Short, before anything changed."""
    OPEN = "open"
    CLOSING = "closing"
    """Cut short after the old CA was trusted no more."""


class Rollover:
    """That of one built-in CA, in the directory of its certificate."""

    def __init__(self, authority: Path, lists: Path, others: Iterable[Path] = ()) -> None:
        """`authority` is client_ca, `lists` the revocation lists, which need not be there, and `others` more files of
        CAs: where the old one is trusted in them, its next one has to be."""
        self.authority = authority
        self.old_certificate = authority.with_suffix(".old.crt")
        self.old_key = authority.with_suffix(".old.key")
        self.key = authority.with_suffix(".key")
        self._next_key = authority.with_suffix(".next.key")
        self._lists = lists
        self._others = [each for each in others if each != authority]

    def stage(self) -> Stage:
        """As the files say. Raises `CryptoError` where they cannot be read."""
        old = self.old()
        if old is None:
            return Stage.NONE
        there = self._there()
        if old == there[0]:
            return Stage.CUT
        return Stage.OPEN if old in there else Stage.CLOSING

    def old(self) -> x509.Certificate | None:
        """The CA of which a copy says that it goes, begun or not; None where none does."""
        try:
            return load_certificates(self.old_certificate.read_bytes())[0]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(self.old_certificate, error) from None

    def leaving(self) -> x509.Certificate | None:
        """The CA that goes, while it is trusted beside its next one."""
        return self.old() if self.stage() is Stage.OPEN else None

    @property
    def unsettled(self) -> bool:
        """Whether the new CA is trusted, and its key not in its place yet."""
        return self.stage() in (Stage.OPEN, Stage.CLOSING) and self._next_key.exists()

    def begin(self, following: Authority, key: bytes, now: datetime) -> None:
        """Trust `following` beside the CA that is there, and let it sign from now on; `key` is its key as it is to lie
        on the medium. Only where the stage is NONE or CUT."""
        if self.old_key.exists():
            raise LocalError(f"{self.old_key} exists already", fix="Nothing was changed: move it away.")
        before = self._there()
        lists = with_empty_list(following, self._lists.read_bytes(), now) if self._lists.exists() else b""
        put_file(self._next_key, key, _SECRET)
        put_file(self.old_certificate, as_pem(before[:1]), _PUBLIC)
        if lists:
            put_file(self._lists, lists, _PUBLIC)
        put_file(self.authority, following.certificate + as_pem(before), _PUBLIC)
        self.settle()

    def settle(self) -> None:
        """Finish what `begin` left to do when it was cut after the new CA was trusted."""
        new, *_ = self._there()
        old = self.old()
        self._change_others(lambda there: [new, *there] if old in there and new not in there else there)
        if self.unsettled:
            if self.key.exists():
                _move(self.key, self.old_key)
            _move(self._next_key, self.key)

    def finish(self) -> None:
        """Trust the old CA no more, and destroy its key. Only where the stage is OPEN or CLOSING."""
        old = self.old()
        if old is None:
            return
        before = self._lists.read_bytes() if self._lists.exists() else b""
        after = without_list_of(old.subject, before)
        self.settle()
        self._change_others(lambda there: [each for each in there if each != old])
        there = self._there()
        if old in there:
            put_file(self.authority, as_pem([each for each in there if each != old]), _PUBLIC)
        if after and after != before:  # a file without any list would not be taken up
            put_file(self._lists, after, _PUBLIC)
        for path in (self.old_key, self.old_certificate):
            _remove(path)

    def _there(self) -> list[x509.Certificate]:
        try:
            return load_certificates(self.authority.read_bytes())
        except OSError as error:
            raise _unreadable(self.authority, error) from None

    def _change_others(self, change: Callable[[list[x509.Certificate]], list[x509.Certificate]]) -> None:
        for path in self._others:
            try:
                there = load_certificates(path.read_bytes())
            except (OSError, CryptoError):
                continue  # `appliance check` says so
            if (after := change(there)) and after != there:
                put_file(path, as_pem(after), _PUBLIC)


def _unreadable(path: Path, error: OSError) -> DiskError:
    return DiskError(f"cannot read {path}: {error.strerror}", fix="Run this as root (sudo), or as its owner.")


def _move(path: Path, target: Path) -> None:
    try:
        path.replace(target)
        flush_directory(target.parent)
    except OSError as error:
        raise DiskError(f"cannot rename {path} to {target.name}: {error.strerror}", fix=_AGAIN) from None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        flush_directory(path.parent)
    except OSError as error:
        raise DiskError(f"cannot remove {path}: {error.strerror}", fix=_AGAIN) from None
