"""make delivery-faults: every fault against a real upstream, and a table of what came of it.

Ends with 1 where anything was lost, changed, or left without a word.
"""

from __future__ import annotations

import argparse
import sys
import time

from rich.console import Console
from rich.table import Table

from appliance.cli.demo.evidence import Row, Verdict
from tests.delivery_lab import faults
from tests.delivery_lab.lab import tried


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--kills", type=int, default=100, help="how often forward is killed")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for fault in faults.ALL:
        if arguments.only in fault.name:
            began = time.monotonic()
            rows.append(tried(fault, arguments.kills))
            sys.stderr.write(f"{rows[-1].verdict.value}: {fault.name} ({time.monotonic() - began:.1f} s)\n")
    table = Table(title="Faults of upstreams, and what came of them", title_justify="left", show_lines=True)
    for heading in ("fault", "verdict", "outcome"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(row.promise, row.verdict.value, row.evidence)
    Console().print(table)
    return 1 if any(row.verdict is Verdict.FAILED for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
