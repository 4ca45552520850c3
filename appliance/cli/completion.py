"""`appliance completion`: what a shell needs to complete our commands."""

from __future__ import annotations

import click

PROGRAM = "appliance"
VARIABLE = "_APPLIANCE_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of SHELL: bash 4.4 or later, zsh or fish.

    bash: /etc/bash_completion.d/appliance; zsh: a file _appliance in a directory of $fpath; fish:
    ~/.config/fish/completions/appliance.fish

    Example: appliance completion bash > /etc/bash_completion.d/appliance
    """
    from click.shell_completion import get_completion_class

    from appliance.cli.main import command as appliance

    found = get_completion_class(shell)
    assert found is not None
    script = found(appliance, {}, PROGRAM, VARIABLE)
    # As a file of $fpath click's script answers the first TAB, and takes the second one for a second loading.
    text = script.source_template.replace("$zsh_eval_context[-1] == loadautofunc", f"$funcstack[1] == _{PROGRAM}")
    click.echo(text % script.source_vars())
