"""Decides who may associate with us: by calling AE title and address and certificate, as a [[peer]] entry demands.

Pure: it is given what the wire and the TLS layer say, and the configuration; it answers with a peer or with a reject.
A stranger learns nothing from the answer that tells an unknown AE title from a known one at the wrong address; the log
does, and says what to add to the configuration. It must never read a clock, a socket or a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import time
from enum import Enum

from appliance.base.text import wash
from appliance.config.model import Config, Peer
from appliance.config.values import Address, unmapped


class Rejection(Enum):
    """The A-ASSOCIATE-RJ answers that we give, as (result, source, reason) of PS3.8 table 9-21."""

    NO_REASON = (1, 1, 1)
    APPLICATION_CONTEXT = (1, 1, 2)
    CALLING_AE = (1, 1, 3)
    CALLED_AE = (1, 1, 7)
    PROTOCOL_VERSION = (1, 2, 2)
    USER_IDENTITY = (1, 2, 1)
    NOT_NOW = (2, 1, 1)
    CONGESTION = (2, 3, 1)
    LIMIT = (2, 3, 2)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a verified TLS certificate says of a peer: SHA-256 of its DER in hex, and its subject alternative names."""

    sha256: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. The AE titles are None where the wire held no AE title; `certificate` is None for cleartext.

    `legacy_tls` says that the TLS suite is one that only a peer with tls_profile = "legacy" may use.
    """

    calling_ae: str | None
    called_ae: str | None
    address: Address
    certificate: Certificate | None = None
    legacy_tls: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller is this peer. `reports_for`: the destination as which it may report on commitment too, if it is one;
    one that is nothing else is a peer by that name."""

    peer: Peer
    reports_for: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The A-ASSOCIATE-RJ for the peer; `why` and `advice` for our log alone."""

    rejection: Rejection
    why: str
    advice: str

    @property
    def result(self) -> int:
        """1 permanent, 2 transient."""
        return self.rejection.value[0]

    @property
    def source(self) -> int:
        """1 service user, 2 service provider (ACSE), 3 service provider (presentation)."""
        return self.rejection.value[1]

    @property
    def reason(self) -> int:
        """Its meaning depends on the source."""
        return self.rejection.value[2]


def admit(
    config: Config, caller: Caller, local_time: time | None = None, reporters: Sequence[Peer] = ()
) -> Admitted | Refused:
    """Decide on an A-ASSOCIATE-RQ. Who calls is settled before what is called, so strangers can't try our titles.

    `local_time` is the time of day where the box stands; None while the clock is not set, when hours refuse nobody.
    `reporters` are destinations as peers (`upstreams.py`).
    """
    if caller.calling_ae is None:
        return Refused(
            Rejection.CALLING_AE, "the calling AE title is blank or malformed", "Set an AE title on the device."
        )
    found = _identify(config.peer, caller.calling_ae, caller)
    reporter = _reporter(reporters, caller.calling_ae, caller)
    if isinstance(found, Refused):
        if not isinstance(reporter, Peer):
            unknown = all(caller.calling_ae not in peer.ae_titles for peer in config.peer)
            return reporter if reporter and unknown else found
        found = reporter
    reports_for = reporter.name if isinstance(reporter, Peer) else None
    ours_too = (config.appliance.ae_title,) if reports_for else ()  # as which we asked it
    if caller.called_ae is None or caller.called_ae not in (*config.called_ae_titles, *ours_too):
        title = "a malformed AE title" if caller.called_ae is None else f'"{wash(caller.called_ae, 16)}"'
        ours = " or ".join(f'"{each}"' for each in config.called_ae_titles)
        return Refused(
            Rejection.CALLED_AE,
            f"it calls us {title}",
            f"Make the device call {ours}, or add its word to called_ae_titles of [receive].",
        )
    if found.hours and local_time and not found.hours.include(local_time):
        return Refused(
            Rejection.NOT_NOW,
            f"it may associate at {found.hours} only; from {found.hours.next_opening(local_time)} on it is let in",
            f'Change hours of [[peer]] "{found.name}" if it may come at {local_time:%H:%M} too.',
        )
    return Admitted(found, reports_for)


def _reporter(reporters: Sequence[Peer], calling_ae: str, caller: Caller) -> Peer | Refused | None:
    """The destination that calls, None if none has its title."""
    if not any(calling_ae in each.ae_titles for each in reporters):
        return None
    found = _identify(reporters, calling_ae, caller)
    if isinstance(found, Refused):
        return replace(found, advice=found.advice.replace("[[peer]]", "reports of [[destination]]"))
    return found


def _identify(peers: Iterable[Peer], calling_ae: str, caller: Caller) -> Peer | Refused:
    address = unmapped(caller.address)
    title = f'"{wash(calling_ae, 16)}"'
    named = [peer for peer in peers if calling_ae in peer.ae_titles]
    if not named:
        return Refused(
            Rejection.CALLING_AE,
            "no [[peer]] has this calling AE title",
            f"If it is yours, add {title} to ae_titles of a [[peer]] with address {address}.",
        )
    placed = [peer for peer in named if any(address in network for network in peer.addresses)]
    if not placed:
        return Refused(
            Rejection.CALLING_AE,
            "this AE title is registered for another address",
            f'If the device moved, add "{address}" to addresses of [[peer]] "{named[0].name}"; if not, find it.',
        )
    refusal: Refused | None = None
    for peer in placed:
        objection = _objection(peer, caller)
        if objection is None:
            return peer
        refusal = refusal or Refused(Rejection.CALLING_AE, *objection)
    assert refusal is not None
    return refusal


def _objection(peer: Peer, caller: Caller) -> tuple[str, str] | None:
    """What speaks against `peer` at its right title and address, as (why, advice)."""
    certificate = caller.certificate
    entry = f'[[peer]] "{peer.name}"'
    if not peer.accept:
        return "its entry is not accepted yet", f"Set accept = true in {entry}."
    if certificate is None:
        if peer.tls == "required":
            return "it came in cleartext", f'Turn on TLS at the device, or set tls = "allowed" in {entry}.'
        if peer.certificate:
            return (
                "it came in cleartext, and its entry names a certificate",
                f"Turn on TLS at the device, or remove certificate from {entry}.",
            )
        return None
    if peer.tls == "never":
        return "it came over TLS, and its entry says never", f'Set tls = "allowed" or "required" in {entry}.'
    if caller.legacy_tls and peer.tls_profile != "legacy":
        return (
            "its TLS suite is one for old devices, and its entry does not say so",
            f'Turn on ECDHE with AES-GCM at the device, or set tls_profile = "legacy" in {entry}.',
        )
    if peer.certificate and not _matches(peer.certificate, certificate):
        return (
            "its certificate is not the one that is registered",
            f'If the device got a new one, set certificate = "sha256:{certificate.sha256}" in {entry}; '
            "if not, find it.",
        )
    return None


def _matches(wanted: str, certificate: Certificate) -> bool:
    """Whether the certificate is the one that "sha256:…" or "san:…" names. A wildcard in a certificate names nobody."""
    kind, _, value = wanted.partition(":")
    if kind == "sha256":
        return value == certificate.sha256.lower()
    return _canonical(value) in {_canonical(name) for name in certificate.names}


def _canonical(name: str) -> str:
    return name.lower().removesuffix(".")
