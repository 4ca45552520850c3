"""`appliance demo`: a hospital in a temporary directory, a transfer with an outage and crashes, and the evidence."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import click


@click.command(name="demo")
@click.option("--instances", default=200, show_default=True, help="How many CT instances the modality sends.")
@click.option("--kills", default=3, show_default=True, help="How often a part of the appliance is killed meanwhile.")
@click.option("--seed", default=None, type=int, help="Makes the moments of the kills the same again.")
@click.option("--classical", is_flag=True, help="Seal to X25519 recipients, which any age program opens.")
@click.option("--keep", type=click.Path(path_type=Path), help="Leave the hospital in this new directory.")
@click.option("--json", "as_json", is_flag=True, help="Write the rows of the table as JSON.")
def command(instances: int, kills: int, seed: int | None, classical: bool, keep: Path | None, as_json: bool) -> None:
    """Show what the appliance does, on this machine, with real DICOM programs.

    DCMTK's storescu is the modality and storescp the upstream, which goes away for a while; parts of the appliance are
    killed on the way; strangers try to get in. The table at the end says which promise was seen to hold, and by what.

    Exit status: 0 when no row failed, 1 else.

    Example: appliance demo --instances 50 --kills 10
    """
    from rich.console import Console

    from appliance.cli.demo.evidence import Verdict
    from appliance.cli.demo.play import Play
    from appliance.cli.demo.table import show

    console = Console(file=sys.stderr if as_json else sys.stdout, highlight=False)
    root = keep or Path(tempfile.mkdtemp(prefix="appliance-demo-"))
    root.mkdir(mode=0o700, exist_ok=keep is None)
    try:
        rows = Play(root, console, instances=instances, kills=kills, seed=seed, classical=classical).run()
    finally:
        if keep is None:
            shutil.rmtree(root, ignore_errors=True)
    if as_json:
        click.echo(
            json.dumps([{"promise": r.promise, "verdict": r.verdict.value, "evidence": r.evidence} for r in rows])
        )
    else:
        show(console, rows)
    raise SystemExit(1 if any(row.verdict is Verdict.FAILED for row in rows) else 0)
