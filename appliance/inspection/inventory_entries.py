"""What the inventory keeps: associations between two machines, what a device runs, servers, hosts. No patient data.

Times are seconds since the epoch. Texts are washed when they come in, so they may be shown. `as_dict` and `of` are the
form in which an entry is stored; `of` raises ValueError, KeyError or TypeError on anything else.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field, fields
from typing import Any, Self

_MOST_TEXTS = 64
_LONGEST_TEXT = 256


class Entry:
    """An entry that is stored as a flat object of numbers, texts, and lists of texts."""

    def as_dict(self) -> dict[str, Any]:
        """Its stored form."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return {name: list(value) if isinstance(value, list) else value for name, value in values.items()}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """From its stored form; keys that are not known are left out."""
        made = cls(**{each.name: stored[each.name] for each in fields(cls) if each.name in stored})  # type: ignore[arg-type]
        for each in fields(cls):  # type: ignore[arg-type]
            _check(str(each.type), getattr(made, each.name))
        return made


def _check(kind: str, value: object) -> None:
    if kind == "list[str]":
        right = isinstance(value, list) and len(value) <= _MOST_TEXTS and all(_is_text(each) for each in value)
    elif kind == "str":
        right = _is_text(value)
    elif kind == "bool":
        right = isinstance(value, bool)
    else:
        right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    if not right:
        raise ValueError("not a stored entry")


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= _LONGEST_TEXT
        and value.isascii()
        and (not value or value.isprintable())
    )


@dataclass(slots=True)
class Talk(Entry):
    """One AE title at one address that calls another at a server. Where TLS hides them the titles are empty."""

    client: str
    server: str
    port: int
    calling: str = ""
    called: str = ""
    tls: bool = False
    first: float = 0.0
    last: float = 0.0
    associations: int = 0  # or TLS connections
    accepted: int = 0
    rejected: int = 0
    stored: int = 0  # instances
    tls_version: str = ""
    implementation: str = ""  # the version name that the caller gives
    services: list[str] = field(default_factory=list)  # commands, like "C-STORE"
    sop_classes: list[str] = field(default_factory=list)  # of the standard's, stored or asked for
    asks: list[str] = field(default_factory=list)  # for what the caller asked, as `asks` of an entry has it

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.client)
        ipaddress.ip_address(self.server)

    @property
    def key(self) -> tuple[str, str, int, str, str]:
        """What tells it from others."""
        return self.client, self.server, self.port, self.calling, self.called


@dataclass(slots=True)
class Device(Entry):
    """What an AE title at an address runs; with an empty title, whatever speaks TLS at an address.

    `prints` are digests of implementation class, version name and maximum length, or JA4 fingerprints.
    """

    client: str
    calling: str
    first: float = 0.0
    last: float = 0.0
    prints: list[str] = field(default_factory=list)
    syntaxes: list[str] = field(default_factory=list)  # compressed ones, of the standard's, that were accepted
    hour: int = 0  # hours since the epoch
    in_hour: int = 0  # instances stored in it
    busiest: int = 0  # in any hour before
    hours: int = 0  # in which something was stored
    bytes_in_hour: int = 0  # that it sent, data and all
    most_bytes: int = 0  # in any hour before
    macs: list[str] = field(default_factory=list)  # from which it calls
    stacks: list[str] = field(default_factory=list)  # TCP/IP stacks, as its SYNs show them
    at_work: int = 0  # a bit for each hour of the day (UTC) at which it associated
    days: int = 0  # on which it did
    day: int = 0  # the last of them, since the epoch

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.client)

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.client, self.calling


@dataclass(slots=True)
class TlsServer(Entry):
    """What a TLS server was seen to do. `best` is a version as on the wire, `certificates` and `issuer` are prints.
    `ends` is when the latest certificate expires.
    """

    server: str
    port: int
    first: float = 0.0
    last: float = 0.0
    best: int = 0
    certificates: list[str] = field(default_factory=list)
    issuer: str = ""
    ends: float = 0.0

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.server)

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from others."""
        return self.server, self.port


@dataclass(slots=True)
class Host(Entry):
    """An Ethernet address, and the IP addresses that it announced lately."""

    mac: str
    first: float = 0.0
    last: float = 0.0
    addresses: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)  # what it hands out, and as whom, like "DHCP 10.20.0.1"

    @property
    def key(self) -> str:
        """What tells it from others."""
        return self.mac


def note(texts: list[str], text: str, most: int = 16) -> bool:
    """Add a text to a list that holds each once, unless it is full. Says whether it was new."""
    if not text or text in texts:
        return False
    if len(texts) >= most:
        del texts[0]
    texts.append(text)
    return True
