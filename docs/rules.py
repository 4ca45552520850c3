"""Keeps the table of rules.md equal to the code: `python docs/rules.py` rewrites it, `--check` compares.

The table stands between `<!-- table: rules -->` and `<!-- end -->`. Prose is written by hand. Every number of the
catalogue has a row; one that is not built and has no reason here is a KeyError.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from appliance.inspection.rules import CATALOGUE
from appliance.inspection.rules.rule import Rule, Severity
from appliance.scp import alerts

DOCUMENT = Path(__file__).with_name("rules.md")
_PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
LAST = 48

# What a rule that is built does not see, and what it would take.
LIMITS = {
    "D02": "Any registered caller may call any registered server, unless its entry lists whom it `calls`.",
    "D03": "Also, after a day: an allowed address that is new to a title in use elsewhere, and an Ethernet address "
    "other than the one that announces the caller's address.",
    "D04": "Different names are counted; one pair that is tried again and again is a wrong setting (D01, D02).",
    "D05": "NUL-padded UIDs of a registered device are told for information: old devices pad them too.",
    "D06": "What is asked for counts: by `services` at us, by `asks` at others. A query or retrieval that is proposed "
    "is for information.",
    "D08": "Queries of patients and studies, in clear: their first bytes. Rates are fixed numbers, not learned.",
    "D10": "Implementation class, version name, maximum length, JA4; of a SYN the TTL and the order of its options. "
    "Not the list of contexts, which follows what is sent.",
    "D11": "For information: who answers at a port of DICOM where nothing was said, and who may be a "
    "`[[destination]]` of which the host name does not resolve.",
    "D12": "In clear at any port, over TLS at DICOM ports and registered servers.",
    "D13": "The title in clear (over TLS `receive` sees it: R04); any TCP segment for the port, not UDP.",
    "D14": "By ARP and neighbour discovery, a day after the sensor began.",
    "D16": "At registered servers and DICOM ports.",
    "D17": "TLS 1.2 and before, where certificates are in clear. A renewal that is due is for information. Names "
    "are compared for a `[[destination]]`: of others none is known. With `ca` in `[sensor]`, a CA of the site has to "
    "have signed what registered servers and clients show, unless an entry of theirs names another CA. For TLS 1.3 it "
    "would take what `receive` and `forward` see of their own peers.",
    "D18": "Alerts in clear only; TLS 1.3 encrypts those of the client.",
    "D19": "At registered servers and DICOM ports; for information at other ports of registered machines, unless "
    "the hello says what it is for (ALPN).",
    "D24": "Connections that are closed again are none. Silence in mid-association is for the deadlines of "
    "`receive`, and of other servers for nobody.",
    "D25": "Associations in clear.",
    "D28": "In the first bytes of a data set; deflated ones are not read. Archives are medium (OLE) or low (ZIP).",
    "D29": "Where a flow begins with a DICOM file. A file inside HTTP or SMB would take parsers of those.",
    "D30": "By the class of the document. Whether a device should send documents at all is for `sop_classes` (D33).",
    "D32": "The first time after a device was known for a day.",
    "D34": "Instances and bytes in an hour, beside the busiest hour before; in clear.",
    "D35": "By `hours` of the peer, or where it has none by the hours of 14 days before.",
    "D36": "Every new pair of machines, a day after the sensor began.",
    "D37": "A number within ten minutes, not a ratio.",
    "D38": "What a switch sends to the mirror. VRRP and HSRP addresses may move, and those in `moving`, unless two "
    "announce them at a time. A lease that ran out is for information.",
    "D39": "Without `dhcp_servers` those of the first day are taken for the right ones.",
    "D40": "Verification of registered servers by registered callers is no sweep.",
    "D41": "DTP, another root bridge, tags that are not in `vlans`; for information who begins to speak LLDP or CDP.",
    "D42": "A flap between ports shows at the switch only.",
    "D44": "No frame, broadcasts alone, or one direction alone, for five minutes.",
    "D45": "A changed configuration, and the clock. Start and stop are lines in the log, and will be audit messages.",
    "D46": "Raised by `respond`, not by the sensor. A block counts as mitigation when the filter counted a packet.",
    "D47": "Control PDUs and command sets in one piece; both readings are judged. Bulk data is not compared.",
}
# What is not built: what would be needed.
MISSING: dict[str, str] = {}


def table() -> str:
    """A row a number of the catalogue."""
    rules = {rule.id: rule for rule in CATALOGUE}
    lines = [
        "| id | severity | what is seen | what to do | ATT&CK | ATNA | its limits |",
        "|---|---|---|---|---|---|---|",
    ]
    for number in range(1, LAST + 1):
        name = f"D{number:02}"
        if name in rules:
            lines.append(_row(rules[name]))
        else:
            lines.append(f"| {name} | | *not built* | | | | {MISSING[name]} |")
    return "".join(f"{line}\n" for line in lines)


def _row(rule: Rule) -> str:
    attack = ", ".join(rule.attack)
    cells = (
        rule.id,
        rule.severity.name.lower(),
        rule.title,
        rule.advice,
        attack,
        rule.atna,
        LIMITS.get(rule.id, ""),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def of_receive() -> str:
    """A row an alert of the SCP."""
    lines = ["| id | severity | what is seen | what to do | ATT&CK | ATNA |", "|---|---|---|---|---|---|"]
    for rule in alerts.RULES:
        level = Severity(rule.severity).name.lower()
        lines.append(f"| {rule.id} | {level} | {rule.title} | {rule.advice} | {', '.join(rule.attack)} | {rule.atna} |")
    return "".join(f"{line}\n" for line in lines)


TABLES = {"rules": table, "receive": of_receive}


def written(text: str) -> str:
    """The document with its table anew."""
    return _PLACE.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


def main() -> int:
    """Rewrite, or with --check compare."""
    text = DOCUMENT.read_text()
    new = written(text)
    if sys.argv[1:] == ["--check"]:
        if new != text:
            print("docs/rules.md is stale; run `python docs/rules.py`", file=sys.stderr)  # noqa: T201
        return int(new != text)
    DOCUMENT.write_text(new)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
