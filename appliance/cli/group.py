"""A group whose `--help` shows the first sentence of each command whole; click cuts it off at the edge."""

from __future__ import annotations

import click

_WHOLE = 500


class Commands(click.Group):
    """The same but for its list."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with its first sentence, over as many lines as that takes."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, each.get_short_help_str(_WHOLE)) for name, each in found if each and not each.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
