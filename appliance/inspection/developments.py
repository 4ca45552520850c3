"""What many observations together show: repetition, exhaustion. The words in which `recurrences.py` speaks to rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from appliance.config.values import Address
from appliance.inspection.flow import Flow


class Kind(Enum):
    """What happened again and again."""

    NAMES_REJECTED = "AE titles were rejected"
    NAMES_TRIED = "unregistered names were tried"
    QUERIES = "queries"
    TLS_ALERTS = "TLS alerts about certificates"
    BUSY = "associations were rejected for want of resources"
    ABORTS = "associations were aborted by a DICOM provider"
    FAULT_KINDS = "kinds of malformed bytes"
    FAILED_STORES = "instances were not stored"
    ECHO_SWEEP = "servers were asked for nothing but verification"
    SILENT = "connections to DICOM servers on which nothing was said"
    BACKLOG = "connections to it were opened on which nothing was said"
    MOVES_UNKNOWN = "C-MOVE requests named a destination that the server does not know"
    CONCURRENT = "associations of one pair are open"


@dataclass(frozen=True, slots=True)
class Recurring:
    """It happened so often in a window. `source` did it; `flow` is the last in which it was seen, None without one.

    `proven`: of none of the flows that were counted the source may be forged.
    """

    kind: Kind
    count: int
    source: Address
    flow: Flow | None
    proven: bool = False


class Change(Enum):
    """What is not as it was."""

    SOFTWARE = "the implementation that an AE title runs"
    TLS_STACK = "the TLS stack of an address (JA4)"
    TCP_STACK = "the TCP/IP stack from which an AE title or a TLS client calls"
    MAC = "the Ethernet address from which an AE title on this link calls"
    PLACE = "the addresses from which an AE title calls"
    HOUR = "the hours of the day at which an AE title associates"
    SYNTAX = "the transfer syntaxes that an AE title sends"
    PAIR = "who talks to whom"
    RENEWAL = "the certificate of a server, when it was about to expire, by the same issuer"
    CERTIFICATE = "the certificate of a server"
    TLS_VERSION = "the TLS version of a server"
    SURGE = "how many instances an AE title stores in an hour"


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that the inventory had learned is different now. `before` and `after` hold nothing of a patient's."""

    change: Change
    flow: Flow
    before: str
    after: str
    title: str = ""  # whose, where it matters
