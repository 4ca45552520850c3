"""Gathers the facts that `config.posture` judges: looks at files, certificates and keys, and changes nothing."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from appliance.base import limits
from appliance.base.errors import ConfigError, CryptoError, DiskError
from appliance.capture.site_ca import read_site_ca
from appliance.config.errors import ConfigErrors
from appliance.config.model import Commitment, Config
from appliance.config.posture.facts import EXPOSED, CertificateFacts, Facts, FileFacts, RecipientFacts, StateFacts
from appliance.config.respond_policy import parse_policy
from appliance.host.certificate_facts import is_pair, leads_to, load_key, read_certificates, under_passphrase
from appliance.host.certificate_pair import half_installed
from appliance.host.credentials import read_secret, read_secrets
from appliance.host.revocation import read_revocations, without_list
from appliance.host.rollover import Rollover, Stage
from appliance.host.root_file import read_root_file
from appliance.host.web_token import load_token_keys
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import parse_identity, parse_recipient
from appliance.vault.declared_mount import DeclaredMount

_LONGEST = 1 << 20
HIDDEN_FROM_SENSOR = tuple(
    map(Path, ("/etc/appliance/tls", "/etc/appliance/keys", "/etc/credstore", "/etc/credstore.encrypted"))
)
_CREDENTIALS = Path("/etc/credstore")  # in clear; systemd.exec(5), LoadCredential=


def gather(config: Config, now: datetime) -> Facts:
    """The facts about everything that the configuration names, as the user sees it who runs this."""
    read = _Reader()
    pairs = list(_pairs(config))
    for certificate, key in pairs:
        read.certificates(certificate)
        read.key(key)
    for authority in _authorities(config):
        read.certificates(authority)
    if config.receive.listen and config.receive.client_crl:
        read.revocations(config.receive.client_crl)
    for peer in config.peer:
        if peer.accept and peer.user_identity and peer.user_identity.key:
            read.token_keys(peer.user_identity.key)
    for destination in config.destination:
        read.secrets(destination.secrets.values())
    site_ca = config.sensor.ca if config.sensor else None
    if site_ca:
        read.certificates(site_ca)
    identity, broken_secrets = _secrets(config, read)
    return Facts(
        now=now,
        files=read.facts,
        broken_pairs={pair: error for pair in pairs if (error := read.pair_error(*pair))},
        server_trusted=read.trusted(config.receive.certificate, config.receive.client_ca),
        without_list=read.without_list(config.receive.client_ca, config.receive.client_crl),
        state=_state(config.appliance.state_dir),
        recipients=[_recipient(text) for text in config.vault.recipients],
        identity=identity,
        stray_identity=_stray_identity(config),
        broken_secrets=broken_secrets,
        open_files=_open_files(),
        roll_over=_roll_over(config),
        authority_key=_authority_key(config),
        closed=_closed(config),
        evidence_recipients=[_recipient(text) for text in (config.sensor.evidence_recipients if config.sensor else ())],
        sensor_ca_error=_sensor_ca_error(site_ca) if site_ca and not read.facts[site_ca].closed else "",
        sensor_knows_us=read.trusted(config.receive.certificate, site_ca),
        respond_error=_respond_error(config),
    )


def _pairs(config: Config) -> Iterable[tuple[Path, Path]]:
    if config.receive.listen and config.receive.certificate and config.receive.key:
        yield config.receive.certificate, config.receive.key
    for each in config.destination:
        if each.shown:
            yield each.shown
    for report in _commitments(config):
        if report.certificate and report.key:
            yield report.certificate, report.key
    if config.alerts and config.alerts.certificate and config.alerts.key:
        yield config.alerts.certificate, config.alerts.key


def _authorities(config: Config) -> Iterable[Path]:
    if config.receive.listen and config.receive.client_ca:
        yield config.receive.client_ca
    for each in config.destination:
        yield from each.authorities.values()
    yield from (report.ca for report in _commitments(config) if report.ca)
    if config.alerts and config.alerts.ca:
        yield config.alerts.ca


def _commitments(config: Config) -> Iterable[Commitment]:
    return (each.commitment for each in config.peer if each.commitment and each.commitment.tls == "required")


class _Reader:
    """Reads each file once."""

    def __init__(self) -> None:
        self.facts: dict[Path, FileFacts] = {}
        self._contents: dict[Path, bytes] = {}

    def content(self, path: Path) -> bytes | None:
        """The file, noted in `facts`; None when it cannot be read, and why is noted."""
        if path not in self.facts:
            try:
                self._contents[path], mode = _read(path)
                self.facts[path] = FileFacts(mode=mode)
            except OSError as error:
                closed = isinstance(error, PermissionError) and os.geteuid() != 0
                self.facts[path] = FileFacts(error=error.strerror or "cannot be read", closed=closed)
        return self._contents.get(path)

    def certificates(self, path: Path) -> None:
        """Read a file of certificates."""
        if (pem := self.content(path)) is not None:
            certificates: tuple[CertificateFacts, ...] = ()
            error = ""
            try:
                certificates = read_certificates(pem)
            except CryptoError as malformed:
                error = str(malformed)
            self.facts[path] = FileFacts(error, self.facts[path].mode, certificates)

    def revocations(self, path: Path) -> None:
        """Read a file of revocation lists."""
        if (pem := self.content(path)) is not None:
            try:
                self.facts[path] = FileFacts(mode=self.facts[path].mode, revocations=read_revocations(pem))
            except CryptoError as malformed:
                self.facts[path] = FileFacts(str(malformed), self.facts[path].mode)

    def without_list(self, authority: Path | None, lists: Path | None) -> tuple[str, ...]:
        """The CAs that signed none of the lists, where both can be read."""
        both = [path for path in (authority, lists) if path in self.facts and not self.facts[path].error]
        return () if len(both) < 2 else without_list(self._contents[both[0]], self._contents[both[1]])

    def token_keys(self, path: Path) -> None:
        """Read a file of public keys that tokens are signed with."""
        if (pem := self.content(path)) is not None:
            try:
                load_token_keys(pem)
            except CryptoError as malformed:
                self.facts[path] = FileFacts(str(malformed), self.facts[path].mode)

    def secrets(self, sources: Iterable[str]) -> None:
        """Look at the files of secrets."""
        for source in sources:
            if source.startswith("file:"):
                self.content(Path(source.removeprefix("file:")))

    def key(self, path: Path) -> None:
        """Read the file of a private key."""
        if (pem := self.content(path)) is not None:
            try:
                load_key(pem)
            except CryptoError as malformed:
                self.facts[path] = FileFacts(str(malformed), self.facts[path].mode)

    def pair_error(self, certificate: Path, key: Path) -> str:
        """Why the two are no pair, where both could be read."""
        if self.facts[certificate].error or self.facts[key].error:
            return ""
        try:
            whole = is_pair(self._contents[certificate], self._contents[key])
        except CryptoError as malformed:
            return str(malformed)
        if whole:
            return ""
        error = f"{certificate} is not the certificate of {key}"
        if waiting := half_installed(certificate, key):
            moves = [
                f"mv {path} {name}" for path, name in zip(waiting, (certificate, key), strict=True) if path != name
            ]
            error += f". An installation was cut short; the programs use {waiting[0]} and {waiting[1]}. Run: {moves[0]}"
        return error

    def trusted(self, certificate: Path | None, authority: Path | None) -> bool:
        """Whether the CA leads to the certificate; true where that cannot be said."""
        both = [path for path in (certificate, authority) if path in self.facts and not self.facts[path].error]
        return len(both) < 2 or leads_to(self._contents[both[0]], self._contents[both[1]])


def _read(path: Path) -> tuple[bytes, int]:
    """Content and mode of a regular file; O_NONBLOCK, for opening a FIFO would wait for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(0, "this is no file")
        return file.read(_LONGEST), stat.S_IMODE(mode)


def _recipient(text: str) -> RecipientFacts:
    try:
        return RecipientFacts(parse_recipient(text).kind)
    except CryptoError as malformed:
        return RecipientFacts(error=str(malformed))


def _secrets(config: Config, read: _Reader) -> tuple[str | None, dict[str, str]]:
    """The recipient of the identity where it can be read here (of several, one that is sealed to, if any is), and what
    is wrong with the content of secret files."""
    identity: str | None = None
    broken: dict[str, str] = {}
    for source in (config.vault.identity, config.vault.index_key):
        if source is None or source == "unlock" or not _is_readable(source, read):
            continue
        try:
            if source == config.vault.identity:
                recipients = [str(parse_identity(text).recipient) for text in read_secrets(source)]
                identity = next((each for each in recipients if each in config.vault.recipients), recipients[0])
            else:
                IndexKey.parse(read_secret(source))
        except (ConfigError, CryptoError) as error:
            broken[source] = str(error)
    return identity, broken


def _stray_identity(config: Config) -> Path | None:
    """A file with an identity in clear, at one of the places where `init` and systemd(1) have it."""
    index_key = config.vault.index_key
    places = [_CREDENTIALS / "appliance.identity"]
    if index_key.startswith("file:"):
        places.append(Path(index_key.removeprefix("file:")).with_name("identity"))
    named = (config.vault.identity or "").removeprefix("file:")
    return next((path for path in places if str(path) != named and _exists(path)), None)


def _is_readable(source: str, read: _Reader) -> bool:
    """Whether `read_secret` will open it: a file that it refuses is a finding of its own, a credential is not here."""
    kind, _, rest = source.partition(":")
    if kind == "file":
        return read.content(Path(rest)) is not None and not read.facts[Path(rest)].mode & EXPOSED
    return bool(os.environ.get("CREDENTIALS_DIRECTORY"))


def _state(path: Path) -> StateFacts:
    if missing := DeclaredMount(path).objection():
        return StateFacts(exists=_exists(path), usable=False, not_mounted=missing.message)
    nearest = path if _exists(path) else next(each for each in path.parents if _exists(each))
    usable = _is_writable(nearest)
    closed = not usable and os.geteuid() != 0 and nearest.is_dir()
    return StateFacts(exists=nearest == path, usable=usable, closed=closed)


def _is_writable(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK, effective_ids=True)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a directory above that we may not enter
        return False


def _open_files() -> int | None:
    """The soft limit, which programs that are started from here inherit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _closed(config: Config) -> list[Path]:
    """What whoever runs this may not read, of that which `_Reader` does not read. Nothing for root."""
    sensor, authority = config.sensor, config.receive.client_ca
    paths = [sensor.respond_file] if sensor and sensor.respond != "off" else []
    paths += [authority.with_suffix(kind) for kind in (".key", ".old.key")] if authority else []
    return [path for path in paths if _exists(path) and not os.access(path, os.R_OK, effective_ids=True)]


def _respond_error(config: Config) -> str:
    """Why root's own file of `respond` cannot be used, in one line."""
    if config.sensor is None or config.sensor.respond == "off":
        return ""
    path = config.sensor.respond_file
    if path in _closed(config):
        return ""
    try:
        parse_policy(read_root_file(path, limits.RESPOND_FILE.ceiling), str(path))
    except ConfigErrors as errors:
        return str(errors.problems[0])
    except ConfigError as error:
        return error.message
    return ""


def _sensor_ca_error(path: Path) -> str:
    """Why the sensor cannot use its file of CAs, in one line. Its unit closes what holds keys."""
    for hidden in HIDDEN_FROM_SENSOR:
        if path.resolve().is_relative_to(hidden):
            return f"{path} is below {hidden}, which the unit of the sensor may not read"
    try:
        read_site_ca(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except ConfigError as error:
        return error.message
    except OSError as error:
        return f"{path}: {error.strerror}"
    return "" if mode & 0o044 else f"its owner alone may read {path} (mode {mode:04o})"


def _authority_key(config: Config) -> Path | None:
    """A key of the CA in clear, where `init` and `certs roll` put it: beside its certificate."""
    authority = config.receive.client_ca
    if authority is None:
        return None
    ours = {config.receive.key, *(each.shown[1] for each in config.destination if each.shown)}
    for kind in (".key", ".old.key"):
        beside = authority.with_suffix(kind)
        if beside not in ours and _exists(beside) and beside not in _closed(config) and not _has_passphrase(beside):
            return beside
    return None


def _roll_over(config: Config) -> str:
    """What is to be said of a roll-over of the built-in CA that is not finished."""
    if config.receive.client_ca is None:
        return ""
    rollover = Rollover(config.receive.client_ca, config.receive.client_ca.with_suffix(".crl"))
    try:
        stage, unsettled = rollover.stage(), rollover.unsettled
    except (OSError, DiskError, CryptoError):
        return ""  # that the file of the CA cannot be read is said of that
    if stage is Stage.NONE:
        return ""
    whole = stage is Stage.OPEN and not unsettled
    return "the CA is being replaced, and two are trusted" if whole else "a roll-over of the CA was cut short"


def _has_passphrase(path: Path) -> bool:
    try:
        return under_passphrase(_read(path)[0])
    except OSError:
        return False
