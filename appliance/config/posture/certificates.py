"""Findings about files: whether they can be read, who else can, and what the certificates in them say."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.config.model import Config
from appliance.config.posture import rules
from appliance.config.posture.facts import EXPOSED, CertificateFacts, Facts
from appliance.config.posture.finding import Finding

EXPIRES = timedelta(days=30)
AUTHORITY_EXPIRES = timedelta(days=90)
ROLL_OVER_DUE = timedelta(days=365)
ROLL_OVER_SOON = timedelta(days=730)
REVOCATION_EXPIRES = timedelta(days=1)
_NEVER = datetime.max.replace(tzinfo=UTC)


def file_findings(config: Config, facts: Facts) -> Iterator[Finding]:
    """All findings about files, one place in the configuration after the other."""
    receive = config.receive
    if receive.listen:
        yield from _pair("receive", receive.certificate, receive.key, facts, server=True)
        yield from _authority("receive.client_ca", receive.client_ca, facts)
        yield from _built_in("receive.client_ca", receive.client_ca, facts)
        yield from _revocations("receive.client_crl", receive.client_crl, facts)
        yield from _legacy(config, facts)
    for peer in config.peer:
        if peer.accept and peer.user_identity:
            yield from _file(f'peer "{peer.name}".user_identity.key', peer.user_identity.key, facts)
    if facts.authority_key:
        yield rules.AUTHORITY_KEY.found(
            "receive.client_ca", "the private key of the CA lies on this box", path=facts.authority_key
        )
    for each in config.destination:
        subject = f'destination "{each.name}"'
        if each.shown:
            yield from _pair(subject, *each.shown, facts, server=False)
        for key, path in each.authorities.items():
            yield from _authority(f"{subject}.{key}", path, facts)
        for key, secret in each.secrets.items():
            if secret.startswith("file:"):
                yield from _secret(f"{subject}.{key}", secret, facts)
    for peer in config.peer:
        if peer.commitment and peer.commitment.tls == "required":
            subject = f'peer "{peer.name}".commitment'
            yield from _pair(subject, peer.commitment.certificate, peer.commitment.key, facts, server=False)
            yield from _authority(f"{subject}.ca", peer.commitment.ca, facts)
    if config.alerts:
        yield from _pair("alerts", config.alerts.certificate, config.alerts.key, facts, server=False)
        yield from _authority("alerts.ca", config.alerts.ca, facts)
    closed = [*(path for path, file in facts.files.items() if file.closed), *facts.closed]
    closed += [config.appliance.state_dir] if facts.state.closed else []
    if closed:
        what = f"this user may not look at {', '.join(map(str, sorted(set(closed))))}"
        yield rules.NOT_LOOKED_AT.found("check", what)
    for key, source in (("identity", config.vault.identity), ("index_key", config.vault.index_key)):
        if source and source.startswith("file:"):
            yield from _secret(f"vault.{key}", source, facts)


def _secret(subject: str, source: str, facts: Facts) -> Iterator[Finding]:
    path = Path(source.removeprefix("file:"))
    readable = yield from _file(subject, path, facts, secret=True)
    if readable and (error := facts.broken_secrets.get(source)):
        yield rules.SECRET_BROKEN.found(subject, f"{path}: {error}")


def _file(subject: str, path: Path | None, facts: Facts, secret: bool = False) -> Generator[Finding, None, bool]:
    """Returns whether the content may be looked at."""
    if path is None or path not in facts.files:
        return False
    file = facts.files[path]
    if file.closed:
        return False
    if file.error:
        yield rules.FILE_UNREADABLE.found(subject, f"{path}: {file.error}")
        return False
    if secret and file.mode & EXPOSED:
        yield rules.KEY_EXPOSED.found(subject, f"others may read or change {path} (mode {file.mode:04o})", path=path)
    return True


def _pair(subject: str, certificate: Path | None, key: Path | None, facts: Facts, server: bool) -> Iterator[Finding]:
    shown = yield from _file(f"{subject}.certificate", certificate, facts)
    held = yield from _file(f"{subject}.key", key, facts, secret=True)
    if certificate is None or not shown:
        return
    if held and key and (error := facts.broken_pairs.get((certificate, key))):
        yield rules.PAIR_BROKEN.found(f"{subject}.key", error)
    subject = f"{subject}.certificate"
    leaf = facts.files[certificate].certificates[0]
    yield from _dates(subject, leaf, facts)
    if not (leaf.serves if server else leaf.calls):
        side = "server" if server else "client"
        yield rules.CERTIFICATE_PURPOSE.found(subject, f"it is not for TLS {side}s", side=side)
    if leaf.weak:
        yield rules.CERTIFICATE_WEAK.found(subject, leaf.weak)
    if server and not leaf.names:
        yield rules.CERTIFICATE_NAMELESS.found(subject, "it has no subject alternative name")
    if server and not facts.server_trusted:
        yield rules.CERTIFICATE_FOREIGN.found(subject, f"its issuer, {leaf.issuer}, is not in client_ca")


def _dates(subject: str, leaf: CertificateFacts, facts: Facts) -> Iterator[Finding]:
    if leaf.not_after <= facts.now:
        yield rules.CERTIFICATE_EXPIRED.found(subject, f"it expired on {leaf.not_after:%Y-%m-%d}")
    elif leaf.not_before > facts.now:
        yield rules.CERTIFICATE_EARLY.found(subject, f"it is valid from {leaf.not_before:%Y-%m-%d %H:%M} UTC on")
    elif leaf.not_after - facts.now <= EXPIRES:
        days = (leaf.not_after - facts.now).days
        yield rules.CERTIFICATE_EXPIRES.found(subject, f"it expires on {leaf.not_after:%Y-%m-%d}, in {days} days")


def _authority(subject: str, path: Path | None, facts: Facts) -> Iterator[Finding]:
    """A file of CA certificates: one that is right and valid is enough."""
    readable = yield from _file(subject, path, facts)
    if path is None or not readable:
        return
    authorities = [each for each in facts.files[path].certificates if each.authority]
    if not authorities:
        yield rules.AUTHORITY_NONE.found(subject, f"{path} holds no certificate of a CA")
        return
    end = max(each.not_after for each in authorities)
    if end <= facts.now:
        yield rules.AUTHORITY_EXPIRED.found(subject, f"it expired on {end:%Y-%m-%d}")
    elif end - facts.now <= AUTHORITY_EXPIRES:
        yield rules.AUTHORITY_EXPIRES.found(subject, f"it expires on {end:%Y-%m-%d}, in {(end - facts.now).days} days")


def _built_in(subject: str, path: Path | None, facts: Facts) -> Iterator[Finding]:
    """The CA that is built in, which leads its file: whether to replace it, and whether that was begun."""
    if facts.roll_over:
        yield rules.ROLL_OVER_OPEN.found(subject, facts.roll_over)
    leads = facts.files[path].certificates[:1] if path and path in facts.files else ()
    for each in leads:
        left = each.not_after - facts.now
        if each.built_in and timedelta() < left <= ROLL_OVER_SOON:
            rule = rules.ROLL_OVER_DUE if left <= ROLL_OVER_DUE else rules.ROLL_OVER_SOON
            yield rule.found(subject, f"{each.subject} ends on {each.not_after:%Y-%m-%d}")


def _revocations(subject: str, path: Path | None, facts: Facts) -> Iterator[Finding]:
    """A file of revocation lists: of each CA the newest counts."""
    readable = yield from _file(subject, path, facts)
    if path is None or not readable:
        return
    newest = {each.issuer: each for each in sorted(facts.files[path].revocations, key=lambda each: each.last_update)}
    for issuer, each in newest.items():
        end = each.next_update or _NEVER
        if end <= facts.now:
            yield rules.REVOCATION_EXPIRED.found(subject, f"the list of {issuer} expired on {end:%Y-%m-%d %H:%M} UTC")
        elif each.last_update > facts.now:
            begin = f"{each.last_update:%Y-%m-%d %H:%M} UTC"
            yield rules.REVOCATION_EARLY.found(subject, f"the list of {issuer} is valid from {begin} on")
        elif end - facts.now <= REVOCATION_EXPIRES:
            yield rules.REVOCATION_EXPIRES.found(subject, f"the list of {issuer} expires on {end:%Y-%m-%d %H:%M} UTC")
    for issuer in facts.without_list:
        yield rules.REVOCATION_ABSENT.found(subject, f"it has no list that {issuer} signed")


def _legacy(config: Config, facts: Facts) -> Iterator[Finding]:
    file = facts.files.get(config.receive.certificate) if config.receive.certificate else None
    old = any(peer.accept and peer.tls != "never" and peer.tls_profile == "legacy" for peer in config.peer)
    if old and file and file.certificates and not file.certificates[0].key_kind.startswith("RSA"):
        kind = file.certificates[0].key_kind
        yield rules.LEGACY_WITHOUT_RSA.found("receive.certificate", f"its key is {kind}, and a peer is legacy")
