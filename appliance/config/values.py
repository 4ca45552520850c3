"""Values as people write them: durations, sizes, addresses, ports. Each parser raises ValueError with what is meant.

A parser takes anything that TOML can hold, and its own result, and raises nothing but ValueError. Sections that are
made from a file are validated with the context `WRITTEN`: limits then hold, and a bare number is no duration. A program
that builds a section by itself answers for its numbers.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationInfo

from appliance.base import names
from appliance.base.errors import ConfigError
from appliance.base.limits import Limit

WRITTEN = {"written": True}

_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)"
_DURATION = re.compile(_NUMBER + r"\s*(ms|s|min|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(_NUMBER + r"\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_PERCENT = re.compile(_NUMBER + r"\s*%")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
_DNS_NAME = re.compile(r"[A-Za-z0-9_*.-]+")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def unmapped(address: Address) -> Address:
    """An IPv4 address as such, where a dual-stack listener saw it as ::ffff:a.b.c.d."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@dataclass(frozen=True, slots=True)
class Share:
    """An amount of storage: so many bytes, or a fraction of the whole."""

    bytes: int = 0
    fraction: float = 0.0

    def of(self, total: int) -> int:
        """The amount in bytes on a medium of `total` bytes."""
        return self.bytes or int(self.fraction * total)


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host name or address and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_duration(value: Any) -> float:
    """Seconds from "72h", "15 min", "500ms"."""
    if isinstance(value, float):
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError('a duration is written like "30s", "15min", "72h" or "7d"')
    return float(found[1]) * _SECONDS[found[2]]


def _written_duration(value: Any, info: ValidationInfo) -> float:
    return parse_duration(str(value) if info.context and isinstance(value, float) else value)


def parse_share(value: Any) -> Share:
    """Bytes from "10GiB", a fraction from "10%"."""
    if isinstance(value, Share):
        return value
    if isinstance(value, str):
        share = Share()
        if found := _SIZE.fullmatch(value.strip()):
            share = Share(bytes=int(float(found[1]) * _BYTES[found[2]]))
        elif found := _PERCENT.fullmatch(value.strip()):
            share = Share(fraction=float(found[1]) / 100)
        if share.bytes > 0 or 0 < share.fraction <= 0.9:
            return share
    raise ValueError('an amount of storage is written like "10GiB" or "10%" (above nothing, 90% at most)')


def parse_host_port(value: Any) -> HostPort:
    """Host and port from "pacs.rad.example:2762" or "[2001:db8::1]:2762"."""
    if isinstance(value, HostPort):
        return value
    text = value if isinstance(value, str) else ""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = _ipv6(host[1:-1])
    elif not _HOST.fullmatch(host):
        host = ""
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if not host or not digits or not 1 <= int(port) <= 65535:
        raise ValueError(f"{_ENDPOINT}{_why_no_endpoint(text)}")
    return HostPort(host, int(port))


_ENDPOINT = 'an address with its port is written like "pacs.example:2762" or "[2001:db8::1]:2762"'


def _why_no_endpoint(text: str) -> str:
    """'; …' where it can be told what is wrong, or nothing."""
    host, _, port = text.rpartition(":")
    if "://" in text:
        return "; without what stands before it, as in URLs"
    if host in ("", "*") and port.isdigit() and ":" in text:
        return '; "[::]" is every address of this box'
    if (_HOST.fullmatch(host) or host.startswith("[")) and port.isascii() and port.isdigit():
        return "; ports go from 1 to 65535"
    if text.count(":") > 1 and not text.startswith("["):
        return "; brackets stand around an IPv6 address"
    return "; the port is missing" if _HOST.fullmatch(text) or text.endswith("]") else ""


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return ""


def parse_host_name(value: Any) -> str:
    """A host name or address without a port, as certificates have them."""
    if isinstance(value, str) and (_HOST.fullmatch(value) or _ipv6(value)):
        return value
    raise ValueError('a host is written like "pacs.rad.example", without a port')


def parse_network(value: Any) -> Network:
    """One address or a range, "10.20.0.11" or "10.20.0.16/29". Bits beyond the prefix are refused, not dropped."""
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    if isinstance(value, str) and "%" not in value:
        for strict in (True, False):
            try:
                network = ipaddress.ip_network(value, strict=strict)
            except ValueError:
                continue
            if not strict:
                raise ValueError(f'that address is inside a range and does not begin it; the range is "{network}"')
            return network
    raise ValueError(f'an address is written like "10.20.0.11", a range like "10.20.0.16/29"{_why_no_network(value)}')


def _why_no_network(value: Any) -> str:
    """'; …' where it can be told what is wrong, or nothing."""
    text = value if isinstance(value, str) else ""
    if re.fullmatch(r"[0-9.]+\s*-\s*[0-9.]+", text):
        return "; a range that is none of these is several of them"
    if re.fullmatch(r"[0-9.]+:[0-9]+", text):
        return "; without a port: devices call from any"
    if re.fullmatch(r"[0-9.]+(?:/[0-9]+)?", text) and re.search(r"\b0[0-9]", text):
        return "; without zeros before a number"
    if re.search(r"[g-zG-Z]", text):
        return "; not a name"
    return ""


def parse_path(value: Any) -> Path:
    """A file or directory by its absolute path: programs that systemd starts have no directory of their own."""
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        raise ValueError('a path is written from the root, like "/etc/appliance/tls/site-ca.crt"')
    return Path(value)


def parse_binding(value: Any) -> str:
    """A certificate that a peer must show: "san:ct1.rad.example" or "sha256:" and 64 hex digits, colons allowed."""
    kind, _, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind == "sha256":
        digest = rest.replace(":", "").lower()
        if re.fullmatch("[0-9a-f]{64}", digest):
            return f"sha256:{digest}"
        raise ValueError("a SHA-256 fingerprint has 64 hex digits; `openssl x509 -fingerprint -sha256` prints it")
    if kind == "san" and 1 <= len(rest) <= 255 and rest.isprintable() and " " not in rest:
        return f"san:{rest.lower()}" if _DNS_NAME.fullmatch(rest) else f"san:{rest}"
    raise ValueError('a certificate is bound by name, "san:ct1.rad.example", or by print, "sha256:…"')


def parse_source(value: Any) -> str:
    """Where a secret comes from: "credential:identity" (systemd) or "file:/etc/appliance/keys/identity"."""
    if isinstance(value, str):
        if re.fullmatch(r"credential:[A-Za-z0-9_.-]{1,64}", value):
            return value
        if value.startswith("file:/") and len(value) > len("file:/") and value.isprintable():
            return value
    raise ValueError('a secret is named by where it lies: "credential:NAME" or "file:/absolute/path"')


def parse_identity_source(value: Any) -> str:
    """Where the identity comes from: as other secrets do, or "unlock", from a person after each start."""
    if value == "unlock":
        return "unlock"
    try:
        return parse_source(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "unlock"') from None


def parse_recipient(value: Any) -> str:
    """The form of an age recipient, "age1…"; whether its checksum holds is for `seal.keys` to say."""
    if isinstance(value, str):
        if value.upper().startswith("AGE-SECRET-KEY"):
            raise ValueError(
                "that is a secret identity, here belongs its recipient (age1…); who could read this file could open"
                " objects, so make a new one"
            )
        if re.fullmatch(r"age1[0-9a-z]{8,4096}", value):
            return value
    raise ValueError(
        'a recipient is written "age1…" (X25519) or "age1pq1…" (hybrid); SSH keys and plugins are not taken'
    )


def parse_name(value: Any) -> str:
    """The name of an entry: 1 to 64 letters, digits, spaces and . _ ( ) / + - signs."""
    if isinstance(value, str) and re.fullmatch(r"[\w.()/+-](?:[\w .()/+-]{0,62}[\w.()/+-])?", value):
        return value
    raise ValueError("a name has 1 to 64 letters, digits, inner spaces and . _ ( ) / + - signs")


def parse_word(value: Any) -> str:
    """A user name, or the issuer or audience of a token: 1 to 255 printable characters, no space at either end."""
    if isinstance(value, str) and 1 <= len(value) <= 255 and value.isprintable() and value == value.strip():
        return value
    raise ValueError("1 to 255 printable characters are meant, without spaces around them")


def parse_modality(value: Any) -> str:
    """A value of Modality (0008,0060), VR CS: "CT", "MR", "US"."""
    if isinstance(value, str) and re.fullmatch(r"[A-Z0-9_]{1,16}", value):
        return value
    raise ValueError('a modality is written like "CT": capital letters, digits and _, 16 at most')


def parse_interface(value: Any) -> str:
    """The name of a network interface as `ip link` shows it, 15 characters at most."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.@:-]{1,15}", value):
        return value
    raise ValueError('an interface is named as `ip link` shows it, like "eth1", 15 characters at most')


def parse_port(value: Any) -> int:
    """A TCP port."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return value
    raise ValueError("a port is a whole number from 1 to 65535, without quotes")


def parse_vlan(value: Any) -> int:
    """A VLAN id (IEEE 802.1Q)."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4094:
        return value
    raise ValueError("a VLAN id is a whole number from 1 to 4094, without quotes")


def parse_ae_title(value: Any) -> str:
    """An AE title: 1 to 16 printable ASCII characters, no backslash."""
    try:
        return names.ae_title(value if isinstance(value, str) else "")
    except ConfigError:
        raise ValueError("an AE title has 1 to 16 printable ASCII characters, no backslash, not all spaces") from None


def parse_uid(value: Any) -> str:
    """A UID: digits and dots, 64 characters at most."""
    try:
        return names.uid(value if isinstance(value, str) else "")
    except ConfigError:
        raise ValueError("a UID has digits and dots, no leading zeros, 64 characters at most") from None


def within(limit: Limit) -> AfterValidator:
    """Demands that a number in a file lies between the floor and the ceiling of `limit`."""

    def check(value: float, info: ValidationInfo) -> float:
        if info.context and not limit.floor <= value <= limit.ceiling:
            raise ValueError(f"{limit.floor} to {limit.ceiling} {limit.unit} are possible: {limit.why}")
        return value

    check.limit = limit  # type: ignore[attr-defined]  # for the schema
    return AfterValidator(check)


AETitle = Annotated[str, BeforeValidator(parse_ae_title)]
Uid = Annotated[str, BeforeValidator(parse_uid)]
Name = Annotated[str, BeforeValidator(parse_name)]
Word = Annotated[str, BeforeValidator(parse_word)]
Modality = Annotated[str, BeforeValidator(parse_modality)]
Interface = Annotated[str, BeforeValidator(parse_interface)]
Recipient = Annotated[str, BeforeValidator(parse_recipient)]
CertificateBinding = Annotated[str, BeforeValidator(parse_binding)]
SecretSource = Annotated[str, BeforeValidator(parse_source)]
IdentitySource = Annotated[str, BeforeValidator(parse_identity_source)]
Port = Annotated[int, BeforeValidator(parse_port)]
VlanId = Annotated[int, BeforeValidator(parse_vlan)]
HostName = Annotated[str, BeforeValidator(parse_host_name)]
AbsolutePath = Annotated[Path, BeforeValidator(parse_path)]
Duration = Annotated[float, BeforeValidator(_written_duration)]
StorageShare = Annotated[Share, BeforeValidator(parse_share)]
Endpoint = Annotated[HostPort, BeforeValidator(parse_host_port), PlainSerializer(str)]
AddressRange = Annotated[Network, BeforeValidator(parse_network), PlainSerializer(str)]
