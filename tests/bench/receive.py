"""make bench-receive: receivers side by side in one run, each target beside the figure that it judges.

Parts can run alone (--part). Progress goes to standard error, the report to standard output, and with --json all
figures to a file. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import compare, cpu, flush_share, idle, inputs, memory, nagle, senders
from tests.bench.flushes import NotDurable
from tests.bench.verdict import Section, Verdict, summary

PARTS = ("compare", "nagle", "cpu", "flush", "senders", "memory", "idle")
_FEW = 3  # rounds of all but the main table, at most


def parts(arguments: argparse.Namespace) -> dict[str, Callable[[], Section]]:
    """Every part by name."""
    runs, few = arguments.runs, min(arguments.runs, _FEW)
    return {
        "compare": lambda: compare.run(runs, arguments.only, arguments.input),
        "nagle": lambda: nagle.run(few),
        "cpu": lambda: cpu.run(few),
        "flush": lambda: flush_share.run(few),
        "senders": lambda: senders.run(few),
        "memory": memory.run,
        "idle": idle.run,
    }


def chosen(arguments: argparse.Namespace) -> list[str]:
    """The parts to run: those that were named; the main table alone where only that can be meant; else all."""
    if arguments.part:
        return [name for name in PARTS if name in arguments.part]
    return ["compare"] if arguments.only or arguments.input else list(PARTS)


def main() -> int:
    """Command line. Ends with 1 where a peer is not what it is compared as; targets that are missed are no failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--runs", type=int, default=5, help=f"rounds of the main table; of other parts {_FEW} at most")
    parser.add_argument("--only", default="", help="main table: receivers whose name holds this")
    parser.add_argument("--input", action="append", choices=list(inputs.SERIES), help="main table; default: all")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    verdicts: list[Verdict] = []
    written = {}
    for name in chosen(arguments):
        began = time.monotonic()
        try:
            section = parts(arguments)[name]()
        except NotDurable as refusal:
            print(f"refused to compare: {refusal}", file=sys.stderr)
            return 1
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
