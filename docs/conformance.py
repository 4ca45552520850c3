"""Keeps the tables of conformance.md equal to the code: `python docs/conformance.py` rewrites them, `--check` compares.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. Prose is written by hand. A service, status or reject
that the code has and this script has no words for is a KeyError, so that nobody adds one and forgets the statement.
"""

from __future__ import annotations

import re
import ssl
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import get_args

from pydicom.uid import UID, RLELossless

from appliance import __version__
from appliance.base import implementation, limits
from appliance.base.limits import Limit
from appliance.config.model import Receive, Service, UserIdentity
from appliance.delivery import outcome, transcodable
from appliance.host import tls
from appliance.routing import negotiation, sop_classes
from appliance.routing.admission import Rejection
from appliance.scp import commitment as commitment_scp
from appliance.scp import dispatch, ingest
from appliance.upper_layer import commitment
from appliance.upper_layer.pdu import AbortReason

DOCUMENT = Path(__file__).with_name("conformance.md")
_PLACE = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

_RELEASE = re.compile(r"^## \[(.+?)\] - (\S+)$", re.MULTILINE)

Rows = Iterable[Iterable[object]]


def table(head: Iterable[str], rows: Rows) -> str:
    """A Markdown table."""
    lines = [list(head), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def name(uid: str) -> str:
    """The standard's name of a UID."""
    return f"{UID(uid).name} ({uid})"


_SERVICES = {
    "echo": ("Verification", name(sop_classes.VERIFICATION), "yes", "yes"),
    "store": ("Storage", "any storage SOP Class, see N.1.1", "yes", "yes"),
    "commit": ("Storage Commitment Push Model", name(sop_classes.STORAGE_COMMITMENT), "yes", "yes"),
}


def services() -> str:
    """What a [[peer]] may be allowed, and what a [[destination]] gets."""
    return table(
        ("service", "SOP Class", "SCU", "SCP", "in `services` of a `[[peer]]`"),
        ((*_SERVICES[key], f'"{key}"') for key in get_args(Service)),
    )


def _names(uids: Iterable[str]) -> Rows:
    return ((f"`{uid}`", UID(uid).name) for uid in sorted(uids, key=lambda uid: [int(part) for part in uid.split(".")]))


def not_storage() -> str:
    """What lies below the storage root and is none."""
    return table(("UID", "not storage"), _names(sop_classes._NOT_STORAGE))


def storage_elsewhere() -> str:
    """Storage classes outside the storage root."""
    return table(("UID", "storage"), _names(sop_classes._STORAGE_ELSEWHERE))


def transfer_syntaxes() -> str:
    """The uncompressed ones by preference."""
    rows = [(number, name(uid)) for number, uid in enumerate(negotiation.UNCOMPRESSED, 1)]
    return table(
        ("preference", "transfer syntax"), [*rows, (len(rows) + 1, "the first that was proposed, whichever it is")]
    )


def transcoding() -> str:
    """From what an instance can be sent uncompressed."""
    rows = [(name(syntax), "always") for syntax in sorted(transcodable.REENCODED)]
    rows += [
        (name(syntax), "always, by pydicom itself" if syntax == RLELossless else "where a plugin of pydicom decodes it")
        for syntax in sorted(transcodable.LOSSLESS)
    ]
    return table(("received in", "can be sent uncompressed"), rows)


def context_results() -> str:
    """Results of presentation contexts."""
    return table(
        ("result", "when"),
        (
            (f"{negotiation.ACCEPTANCE} acceptance", "a service that its `[[peer]]` allows, with any transfer syntax"),
            (
                f"{negotiation.USER_REJECTION} user rejection",
                "a SOP Class or service that its `[[peer]]` does not allow",
            ),
            (f"{negotiation.ABSTRACT_SYNTAX_NOT_SUPPORTED} abstract syntax not supported", "no service of ours"),
            (
                f"{negotiation.TRANSFER_SYNTAXES_NOT_SUPPORTED} transfer syntaxes not supported",
                "none was proposed that can be used",
            ),
        ),
    )


_REJECTS = {
    Rejection.CALLING_AE: "calling AE title unknown or malformed, from another address than its `[[peer]]` has, or "
    "without the certificate or TLS that its entry asks for",
    Rejection.CALLED_AE: "called AE title is none of `called_ae_titles`",
    Rejection.PROTOCOL_VERSION: "bit 0 of the protocol version is not set",
    Rejection.LIMIT: "the peer has `max_associations` of its `[[peer]]` open; without it, all but one for each other "
    "peer",
}
_REJECTS_BY_NAME = {
    "NOT_NOW": "outside the `hours` of its `[[peer]]`",
    "USER_IDENTITY": "the user identity that its `[[peer]]` asks for is missing or wrong",
}
_NEVER_SENT = {"NO_REASON", "APPLICATION_CONTEXT", "CONGESTION"}


def rejects() -> str:
    """A-ASSOCIATE-RJ."""
    rows = []
    for rejection in Rejection.__members__.items():
        label, value = rejection
        if label not in _NEVER_SENT:
            rows.append((*value.value, _REJECTS.get(value) or _REJECTS_BY_NAME[label]))
    return table(("result", "source", "reason", "when"), rows)


def aborts() -> str:
    """A-ABORT."""
    when = {
        AbortReason.NOT_SPECIFIED: "as service user (source 0): in Sta2, where no A-ASSOCIATE-RQ comes; on shutdown",
        AbortReason.UNRECOGNIZED_PDU: "a PDU type that is not 01H to 07H",
        AbortReason.UNEXPECTED_PDU: "a PDU that the state does not allow",
        AbortReason.UNRECOGNIZED_PARAMETER: "",
        AbortReason.UNEXPECTED_PARAMETER: "an item twice that comes once; a PDV out of order",
        AbortReason.INVALID_PARAMETER: "lengths that do not fit, a context not accepted, a command set that is none",
    }
    return table(("reason", "when"), ((int(reason), when[reason]) for reason in AbortReason if when[reason]))


_STORE_WORDS = {
    "SUCCESS": "Success: the instance and its directory entry are flushed to the disk; it survives loss of power",
    "OUT_OF_RESOURCES": "Refused: free space is below `vault.min_free`, or the disk failed or is missing. Nothing kept",
    "MISMATCH": "Error: SOP Class or Instance UID of data set and command differ. Nothing was kept",
    "CANNOT_UNDERSTAND": "Error: the request has no data set",
    "INVALID_INSTANCE": "Error: Affected SOP Instance UID is missing or no UID",
    "CLASS_NOT_SUPPORTED": "Error: Affected SOP Class UID is missing or not that of the presentation context",
}


def store_statuses() -> str:
    """C-STORE as SCP."""
    rows = [(f"{value:04X}", _STORE_WORDS[key]) for key, value in _constants(ingest) if key != "CAPACITY"]
    rows.append(
        (f"{dispatch.UNRECOGNIZED_OPERATION:04X}", "Error: a service that does not belong to the presentation context")
    )
    return table(("status", "meaning"), rows)


def _constants(module: object) -> list[tuple[str, int]]:
    """The statuses that a module defines."""
    return [(key, value) for key, value in vars(module).items() if key.isupper() and isinstance(value, int)]


def store_outcomes() -> str:
    """C-STORE as SCU."""
    verdicts = {
        outcome.Verdict.DONE: "proven; the copy here may go after `vault.keep`",
        outcome.Verdict.BUSY: "all deliveries there wait and are tried again",
        outcome.Verdict.TEMPORARY: "this instance is tried again",
        outcome.Verdict.PERMANENT: "held for a person; nothing is dropped",
    }
    exact = [(f"{status:04X}", words, verdicts[verdict]) for status, (verdict, words, _) in outcome._STATUSES.items()]
    ranges: dict[str, tuple[str, str, str]] = {}
    for high, (verdict, words, _) in outcome._RANGES.items():
        label = f"{high:02X}xx" if high in (0xA7, 0xA9) else f"{high >> 4:X}xxx"
        ranges[label] = (label, words, verdicts[verdict])
    rows = [*exact, *ranges.values(), ("any other", "unknown", verdicts[outcome.Verdict.PERMANENT])]
    return table(("status", "meaning", "what we do"), rows)


def commitment_statuses() -> str:
    """N-ACTION-RSP and the failure reasons of reports."""
    actions = [
        (f"{ingest.SUCCESS:04X}", "the request is durable; a report will follow"),
        (f"{commitment.PROCESSING_FAILURE:04X}", "its data set cannot be read"),
        (f"{commitment_scp.NO_SUCH_INSTANCE:04X}", "another SOP Instance than the well-known one"),
        (f"{commitment.INVALID_ARGUMENT:04X}", "no data set, no Transaction UID, or no Referenced SOP Sequence"),
        (f"{ingest.INVALID_INSTANCE:04X}", "Requested SOP Instance UID is no UID"),
        (f"{commitment_scp.NO_SUCH_CLASS:04X}", "another SOP Class than Storage Commitment Push Model"),
        (f"{commitment_scp.NO_SUCH_ACTION:04X}", "another action type than 1"),
        (
            f"{commitment.RESOURCE_LIMITATION:04X}",
            f"more than {limits.COMMITMENT_INSTANCES.default} instances, or no room on the disk",
        ),
    ]
    return table(("N-ACTION status", "meaning"), actions)


def failure_reasons() -> str:
    """(0008,1197)."""
    reasons = [
        (f"{commitment.PROCESSING_FAILURE:04X}", "it is here, and damaged or unreadable now"),
        (f"{commitment.NO_SUCH_INSTANCE:04X}", "not here: never received, or delivered and forgotten since"),
        (f"{commitment.CLASS_INSTANCE_CONFLICT:04X}", "here, with another SOP Class"),
        (f"{commitment.DUPLICATE_TRANSACTION:04X}", "the Transaction UID was used before"),
    ]
    return table(("Failure Reason (0008,1197)", "meaning"), reasons)


def report_statuses() -> str:
    """What an N-EVENT-REPORT-RSP may say."""
    taken = ", ".join(f"{status:04X}" for status in sorted(commitment.TAKEN))
    assert commitment.report_taken(0xB000)
    rows = (
        (f"{taken}, Bxxx", "the report is over"),
        ("any other", "not taken: the other way, where there is one, then again after a while"),
    )
    return table(("N-EVENT-REPORT status", "what we make of it"), rows)


def commitment_timers() -> str:
    """Of commitment as SCP."""
    wanted = (
        limits.COMMITMENT_GRACE,
        limits.COMMITMENT_PATIENCE,
        limits.COMMITMENT_QUIET,
        limits.COMMITMENT_ANSWER,
        limits.COMMITMENT_GIVE_UP,
        limits.COMMITMENT_MEMORY,
    )
    return table(("timer", "what it bounds"), ((f"{limit.default} {limit.unit}", limit.why) for limit in wanted))


def _of_receive() -> Rows:
    fields: list[tuple[str, Limit, str]] = [
        ("tls_handshake", limits.TLS_HANDSHAKE, "connect to the end of the TLS handshake"),
        (
            "artim",
            limits.ARTIM,
            "ARTIM: from there to the last byte of the A-ASSOCIATE-RQ; and our answer to the peer's close",
        ),
        ("pdu", limits.PDU_DEADLINE, "first to last byte of a PDU; and the next PDU of a message"),
        ("message", limits.MESSAGE_DEADLINE, "first to last PDU of a message"),
        ("idle", limits.IDLE_DEADLINE, "between two messages of an association"),
    ]
    for key, limit, words in fields:
        assert Receive.model_fields[key].default == limit.default
        yield (words, f"{limit.default} s", f"{limit.floor} to {limit.ceiling} s", f"`receive.{key}`")


def timers() -> str:
    """As association acceptor."""
    return table(("timer", "default", "configurable", "key"), _of_receive())


def delivery_timers() -> str:
    """As association requestor."""
    wanted = (
        limits.DELIVERY_CONNECT,
        limits.TLS_HANDSHAKE,
        limits.DELIVERY_ASSOCIATION,
        limits.DELIVERY_WRITE,
        limits.DELIVERY_RESPONSE,
        limits.DELIVERY_RELEASE,
        limits.DELIVERY_LINGER,
    )
    return table(("timer", "what it bounds"), ((f"{limit.default} s", limit.why) for limit in wanted))


def sizes() -> str:
    """Limits of what is received."""

    def configurable(limit: Limit, key: str) -> tuple[str, ...]:
        span = f"{limit.floor} to {limit.ceiling}" if key else "no"
        return limit.name, f"{limit.default} {limit.unit}", span, f"`{key}`" if key else ""

    return table(
        ("limit", "default", "configurable", "key"),
        (
            configurable(limits.MAX_PDU_RECEIVE, "receive.max_pdu"),
            configurable(limits.ASSOCIATIONS, "receive.max_associations"),
            configurable(limits.PENDING_HANDSHAKES, ""),
            configurable(limits.ASSOCIATE_PDU, ""),
            configurable(limits.ASSOCIATE_ITEMS, ""),
            configurable(limits.COMMAND_SET, ""),
            configurable(limits.DRAIN, ""),
            configurable(limits.OPERATIONS, ""),
            configurable(limits.MAX_PDU_SEND, ""),
            configurable(limits.DELIVERY_ASSOCIATIONS, "associations of a [[destination]]"),
            configurable(limits.DELIVERY_OPERATIONS, "operations of a [[destination]]"),
            configurable(limits.TRANSCODE_SIZE, ""),
            configurable(limits.TRANSCODE_FRAME, ""),
        ),
    )


def product() -> str:
    """The cover page."""
    found = _RELEASE.search((DOCUMENT.parents[1] / "CHANGELOG.md").read_text())
    assert found and found[1] == __version__, "CHANGELOG.md begins with this version and its date"
    return table(("", ""), (("product", "PACS edge appliance"), ("version", __version__), ("date", found[2])))


def entities() -> str:
    """Which program has which service."""
    who = {"echo": "Receive", "store": "Receive as SCP, Forward as SCU", "commit": "Receive and Forward as SCP"}
    return table(("service", "application entities"), ((_SERVICES[key][0], who[key]) for key in get_args(Service)))


def identity() -> str:
    """Who we say we are, and what an association may be."""
    outstanding, associations = limits.OPERATIONS.default, limits.DELIVERY_ASSOCIATIONS.default
    invoked = limits.DELIVERY_OPERATIONS.default
    rows = (
        ("Application Context Name", *["`1.2.840.10008.3.1.1.1`"] * 2),
        ("Implementation Class UID", *[f"`{implementation.CLASS_UID}`"] * 2),
        ("Implementation Version Name", *[f"`{implementation.VERSION_NAME}`"] * 2),
        (
            "Maximum Length received",
            f"{limits.MAX_PDU_RECEIVE.default} bytes (`receive.max_pdu`)",
            f"{limits.MAX_PDU_RECEIVE.default} bytes",
        ),
        ("ARTIM", f"{limits.ARTIM.default} s (`receive.artim`)", "none"),
        (
            "associations at a time",
            f"{limits.ASSOCIATIONS.default} (`receive.max_associations`)",
            f"{associations} for each destination",
        ),
        (
            "operations outstanding",
            f"{outstanding} performed, 1 invoked",
            f"{invoked} invoked where the destination allows it, else 1",
        ),
    )
    return table(("", "Receive", "Forward"), rows)


def _suites(context: ssl.SSLContext) -> Rows:
    return ((suite["protocol"], suite["name"]) for suite in context.get_ciphers())


def tls_suites() -> str:
    """What the listeners and our own connections offer."""
    context = tls._harden(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    return table(("protocol", "cipher suite, as OpenSSL calls it"), _suites(context))


def user_identities() -> str:
    """Types of PS3.7 D.3.3.7."""
    words = {
        "username": (1, "the username is one of `usernames`"),
        "username+passcode": (2, "the passcode is that of the username in `passcodes`"),
        "jwt": (5, "the token is signed with `key`, and of the right issuer, audience, subject and time"),
    }
    types = get_args(UserIdentity.model_fields["type"].annotation)
    return table(
        ("type", "`user_identity.type`", "verified"), ((words[each][0], f'"{each}"', words[each][1]) for each in types)
    )


TABLES: dict[str, Callable[[], str]] = {
    maker.__name__.replace("_", "-"): maker
    for maker in (
        services,
        product,
        entities,
        not_storage,
        storage_elsewhere,
        transfer_syntaxes,
        transcoding,
        context_results,
        rejects,
        aborts,
        store_statuses,
        store_outcomes,
        commitment_statuses,
        failure_reasons,
        report_statuses,
        commitment_timers,
        timers,
        delivery_timers,
        sizes,
        identity,
        tls_suites,
        user_identities,
    )
}


def rewritten(text: str) -> str:
    """The document with its tables as the code has them."""
    return _PLACE.sub(lambda place: f"{place[1]}{TABLES[place[2]]()}{place[3]}", text)


def main() -> int:
    """Command line: 0 when the document was, or is now, up to date."""
    text = DOCUMENT.read_text()
    wanted = rewritten(text)
    if "--check" in sys.argv[1:]:
        if missing := TABLES.keys() - {place[2] for place in _PLACE.finditer(text)}:
            sys.stderr.write(f"conformance.md lacks the tables {', '.join(sorted(missing))}\n")
        elif text == wanted:
            return 0
        sys.stderr.write("docs/conformance.md is stale: run `python docs/conformance.py`\n")
        return 1
    DOCUMENT.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
