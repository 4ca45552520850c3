"""TLS as DICOM's profiles forbid it: D16, D17, D18, D20 (PS3.15 B.12, RFC 8996, RFC 9325)."""

from __future__ import annotations

import struct

from appliance.base.text import wash
from appliance.inspection.developments import Change, Changed, Kind, Recurring
from appliance.inspection.flow import DICOM_PORTS, Flow, endpoints
from appliance.inspection.moment import moment
from appliance.inspection.observations import CertificateSeen, HelloSeen
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity
from appliance.inspection.tls_hello import CLIENT_HELLO

WEAK = Rule(
    "D16",
    Severity.MEDIUM,
    "TLS that is too old or too weak",
    "Update the device or its TLS settings to TLS 1.2 with ECDHE and AES-GCM, or later.",
    "weak encryption",
    ("T1040", "T1557"),
    "110126",
)
CERTIFICATE = Rule(
    "D17",
    Severity.MEDIUM,
    "a certificate that should not be used, or a new one",
    "Renew the certificate. If it changed and nobody renewed it, or no CA of the site signed it, somebody may be "
    "between the two. A CA that you trust belongs into the file at ca of [sensor].",
    "node authentication",
    ("T1557", "T1588.004"),
    "110126",
)
REFUSED = Rule(
    "D18",
    Severity.MEDIUM,
    "certificates are refused again and again",
    "Compare the certificates and CAs of both sides. If the client is a stranger, it is probing.",
    "node authentication",
    ("T1046",),
    "110126",
)
DOWNGRADE = Rule(
    "D20",
    Severity.HIGH,
    "TLS was downgraded",
    "Somebody between the two may weaken it, or the server's settings were changed: look at both.",
    "weak encryption",
    ("T1557", "T1562.010"),
    "110126",
)
_NULL_ANON_EXPORT = frozenset(
    struct.unpack(
        "!38H",
        bytes.fromhex(
            "0000 0001 0002 0003 0006 0008 000b 000e 0011 0014 0017 0018 0019 001a 001b 002c 002d 002e 0034 003a 003b"
            "006c 006d 00a6 00a7 00b0 00b1 00b4 00b5 c001 c006 c00b c010 c015 c016 c017 c018 c019"
        ),
    )
)
_RC4 = frozenset((0x0004, 0x0005, 0x0018, 0xC002, 0xC007, 0xC00C, 0xC011))
_DES = frozenset((0x0009, 0x000A, 0x000C, 0x000D, 0x000F, 0x0010, 0x0012, 0x0013, 0x0015, 0x0016))
_DES |= frozenset((0xC003, 0xC008, 0xC00D, 0xC012))
_STATIC_RSA = frozenset(
    (0x002F, 0x0035, 0x003C, 0x003D, 0x009C, 0x009D, 0x0041, 0x0084, 0xC09C, 0xC09D, 0xC0A0, 0xC0A1)
)
_CBC_SHA1 = frozenset((0x0033, 0x0039, 0xC009, 0xC00A, 0xC013, 0xC014))
_TLS_1_2 = 0x0303
_FOREIGN = "is signed by no CA of the site"


def _weakness(cipher: int) -> tuple[str, bool]:
    """Why a cipher suite should not be used, and whether that is bad without exception."""
    for suites, why in ((_NULL_ANON_EXPORT, "no real encryption or authentication"), (_RC4, "RC4"), (_DES, "DES")):
        if cipher in suites:
            return why, True
    if cipher in _STATIC_RSA:
        return "RSA key exchange, without forward secrecy", False
    return ("CBC with SHA-1", False) if cipher in _CBC_SHA1 else ("", False)


def _concerns(flow: Flow, registry: Registry) -> bool:
    _, _, server, port = endpoints(flow.key)
    return port in DICOM_PORTS or registry.server(server, port) is not None


def weak(seen: HelloSeen, registry: Registry) -> Finding | None:
    """D16, by what the server chose, or by all that the client offers."""
    hello = seen.hello
    if hello.retry or not _concerns(seen.flow, registry):
        return None
    client, _, _, _ = endpoints(seen.flow.key)
    verb = "offers nothing but" if hello.kind == CLIENT_HELLO else "chose"
    reasons = [_weakness(cipher) for cipher in hello.ciphers]
    fields = {"version": hello.version}
    if max(hello.versions, default=_TLS_1_2) < _TLS_1_2:
        return Finding(WEAK, f"the {_side(hello.kind)} {verb} {hello.version}", seen.flow, fields)
    if reasons and all(why for why, _ in reasons):
        bad = all(always for _, always in reasons)
        if not bad and any(peer.tls_profile == "legacy" for peer in registry.peers_at(client)):
            return None
        return Finding(WEAK, f"the {_side(hello.kind)} {verb} {reasons[0][0]}", seen.flow, fields)
    return None


def _side(kind: int) -> str:
    return "client" if kind == CLIENT_HELLO else "server"


def certificate(seen: CertificateSeen, registry: Registry) -> Finding | None:
    """D17, by the certificate itself."""
    if not _concerns(seen.flow, registry):
        return None
    facts, side = seen.facts, "client" if seen.from_client else "server"
    if facts is None:
        return Finding(CERTIFICATE, f"the certificate of the {side} cannot be read", seen.flow)
    now = moment(seen.flow.last)
    if now > facts.not_after:
        what = f"expired on {facts.not_after:%Y-%m-%d}"
    elif now < facts.not_before:
        what = f"is not valid before {facts.not_before:%Y-%m-%d}"
    elif facts.weak:
        what = f"is weak: {facts.weak}"
    elif host := _unnamed(seen, registry):
        what = f"does not name {host}, as which it is called"
    else:
        what = ""
    if seen.signed is False:
        what += f"{' and ' if what else ''}{_FOREIGN}"
    if not what:
        return None
    fields = {"sha256": facts.sha256, "subject": wash(facts.subject, 128), "key": wash(facts.key_kind)}
    if seen.signed is False:
        fields["issuer"] = wash(facts.issuer, 128)
    return Finding(CERTIFICATE, f"the certificate of the {side} {what}", seen.flow, fields)


def _unnamed(seen: CertificateSeen, registry: Registry) -> str:
    """The host of a destination, where the certificate shown there names others. Empty where it is right."""
    _, _, address, port = endpoints(seen.flow.key)
    server = registry.server(address, port)
    if seen.from_client or seen.facts is None or server is None or server.anywhere or not server.host:
        return ""
    host, names = server.host.lower().removesuffix("."), {each.lower() for each in seen.facts.names}
    wild = f"*.{host.partition('.')[2]}"
    return "" if host in names or (wild in names and "." in host) else server.host


def changed(seen: Changed, registry: Registry) -> Finding | None:
    """D17, by the certificate that the server showed before."""
    if seen.change not in (Change.CERTIFICATE, Change.RENEWAL):
        return None
    evidence, severity = f"the server shows another certificate: {seen.after}…, before {seen.before}…", None
    if seen.change is Change.RENEWAL:
        evidence += "; the old one was about to expire, the issuer has the same name"
        severity = Severity.LOW
    return Finding(CERTIFICATE, evidence, seen.flow, severity=severity)


def refused(seen: Recurring, registry: Registry) -> Finding | None:
    """D18."""
    if seen.kind is not Kind.TLS_ALERTS or seen.flow is None or not _concerns(seen.flow, registry):
        return None
    return Finding(REFUSED, f"{seen.count} {seen.kind.value} within a minute", seen.flow)


def downgraded(seen: HelloSeen, registry: Registry) -> Finding | None:
    """D20, by the server's own word (RFC 8446 4.1.3)."""
    hello, offered = seen.hello, seen.offered
    if offered is None or not hello.downgraded or max(hello.versions) >= max(offered.versions, default=0):
        return None
    if max(offered.versions) <= _TLS_1_2 and max(hello.versions) >= _TLS_1_2:
        return None
    evidence = f"the client offered {offered.version}, the server chose {hello.version} and says that it knows better"
    return Finding(DOWNGRADE, evidence, seen.flow, {"version": hello.version})


def older(seen: Changed, registry: Registry) -> Finding | None:
    """D20, by what the server did before."""
    if seen.change is not Change.TLS_VERSION:
        return None
    evidence = f"the client offered {seen.before}, which this server spoke before; it chose {seen.after}"
    return Finding(DOWNGRADE, evidence, seen.flow, {"version": seen.after}, severity=Severity.MEDIUM)


RULES = {
    HelloSeen: (weak, downgraded),
    CertificateSeen: (certificate,),
    Changed: (changed, older),
    Recurring: (refused,),
}
