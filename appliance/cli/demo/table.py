"""The table at the end of the demo."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from appliance.cli.demo.evidence import Row, Verdict

_COLOUR = {Verdict.SHOWN: "green", Verdict.FAILED: "bold red", Verdict.NOT_HERE: "yellow"}


def show(console: Console, rows: list[Row]) -> None:
    """Print promise, verdict and evidence of each row."""
    table = Table(title="What was seen", title_justify="left", show_lines=True)
    for heading in ("promise", "verdict", "evidence"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(row.promise, f"[{_COLOUR[row.verdict]}]{row.verdict.value}[/]", row.evidence)
    console.print(table)
