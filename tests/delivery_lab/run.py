"""make delivery-faults: every fault against a real upstream, and a table of what came of it.

Ends with 1 where anything was lost, changed, or left without a word.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from appliance.cli.demo.evidence import Verdict
from tests.delivery_lab import faults
from tests.delivery_lab.lab import tried
from tests.delivery_lab.row import Row

_PAGE = 200  # characters


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--kills", type=int, default=100, help="how often forward is killed")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    rows: list[Row] = []
    began_all = time.monotonic()
    for fault in faults.ALL:
        if arguments.only in fault.name:
            began = time.monotonic()
            rows.append(tried(fault, arguments.kills))
            said = f": {rows[-1].outcome}" if rows[-1].verdict is Verdict.FAILED else ""
            sys.stderr.write(f"{rows[-1].verdict.value}: {fault.name} ({time.monotonic() - began:.1f} s){said}\n")
    print_table(rows)
    counts = Counter(row.verdict for row in rows)
    said = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    print(f"{len(rows)} faults: {said}; {time.monotonic() - began_all:.0f} s")
    return 1 if any(row.verdict is Verdict.FAILED for row in rows) else 0


def print_table(rows: list[Row]) -> None:
    """All of it; as wide as the terminal, or as a page where there is none."""
    table = Table(title="Faults of upstreams, and what came of them", title_justify="left", show_lines=True)
    for heading in ("fault", "verdict", "outcome", "`queue` said", "`status` said", "what to do"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        told = [escape(row.column(name)) for name in ("queue", "status", "advice")]
        table.add_row(escape(row.fault), row.verdict.value, escape(row.outcome), *told)
    Console(width=None if sys.stdout.isatty() else _PAGE).print(table)


if __name__ == "__main__":
    sys.exit(main())
