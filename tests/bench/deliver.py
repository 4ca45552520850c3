"""make bench-deliver: from the sealed vault over mutual TLS to storescp, beside DCMTK's storescu with plain files.

Parts can run alone (--part). Progress goes to standard error, the report to standard output, and with --json all
figures to a file. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import deliver_compare, deliver_memory, deliver_wan, deliver_window, inputs
from tests.bench.receivers import has_storescp
from tests.bench.verdict import Section, Verdict, summary

PARTS = ("compare", "memory", "wan", "window")


def parts(arguments: argparse.Namespace) -> dict[str, Callable[[], Section]]:
    """Every part by name."""
    return {
        "compare": lambda: deliver_compare.run(arguments.runs, arguments.only, arguments.input),
        "memory": deliver_memory.run,
        "wan": lambda: deliver_wan.run(arguments.loss),
        "window": deliver_window.run,
    }


def main() -> int:
    """Command line. Ends with 1 where nothing can be compared; targets that are missed are no failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--runs", type=int, default=5, help="rounds of the table")
    parser.add_argument("--only", default="", help="senders whose name holds this")
    parser.add_argument("--input", action="append", choices=list(inputs.SERIES), help="default: all")
    parser.add_argument("--loss", type=float, default=0.0, help="of packets on the long line, 0 to 1")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    if not has_storescp():
        print("nothing to compare with: storescp needs Debian's packages dcmtk and gcc", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended, namespaces go
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    verdicts: list[Verdict] = []
    written = {}
    for name in arguments.part or PARTS:
        began = time.monotonic()
        try:
            section = parts(arguments)[name]()
        except subprocess.CalledProcessError as error:
            print(f"{name}: {error.cmd[0]} ended with {error.returncode}", file=sys.stderr)
            return 1
        print(section.text(), flush=True)
        verdicts += section.verdicts
        written[name] = section.as_json() | {"took_s": round(time.monotonic() - began, 1)}
    if verdicts:
        print(summary(verdicts))
    if arguments.json:
        arguments.json.write_text(json.dumps(written, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
