"""The command group: names and one-line helps in one table, modules imported when called, errors turned into words.

Exit statuses: 0 done, 1 done and something needs a person, 2 wrong usage, 64 to 78 as in sysexits.h
(`base/errors.py`), 130 interrupted, 141 nobody reads the output any more.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import importlib
import importlib.util
import os
import select
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from appliance import __version__
from appliance.base.errors import ApplianceError, DiskError, Fault
from appliance.cli.output import colours, expect_json, fail, fail_json, print_error, say, write_what_can_be_written

INTERRUPTED = 130
PIPE_CLOSED = 141
INTERNAL = 70  # EX_SOFTWARE
NO_PERMISSION = 77  # EX_NOPERM
TRACEBACK = "APPLIANCE_TRACEBACK"
_BECOME = "Run this as root (sudo), or as its owner."


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that is not imported yet: the module whose `command` it is."""

    module: str
    help: str
    hidden: bool = False


COMMANDS = {
    "init": Entry("appliance.cli.init", "Make keys and a first configuration."),
    "check": Entry("appliance.cli.check", "Check the configuration and how safe it is."),
    "run": Entry("appliance.cli.run", "Run all programs here, until Ctrl-C."),
    "config": Entry("appliance.cli.config", "Show the configuration as it counts; its schema."),
    "reload": Entry("appliance.cli.reload", "Have the programs read the configuration again."),
    "status": Entry("appliance.cli.status", "Show what works, what does not, and what to do."),
    "lamps": Entry("appliance.cli.lamps", "Show what the lamps mean; light them one by one."),
    "queue": Entry("appliance.cli.queue", "Show and steer what waits for the destinations."),
    "echo": Entry("appliance.cli.echo", "Try a destination step by step, with hints."),
    "alerts": Entry("appliance.cli.alerts", "Show what the sensor raised."),
    "blocks": Entry("appliance.cli.blocks", "Show whom the box blocks; let them in again."),
    "evidence": Entry("appliance.cli.evidence", "Show and open what the sensor kept of associations."),
    "inventory": Entry("appliance.cli.inventory", "Show who speaks DICOM to whom, and how."),
    "peers": Entry("appliance.cli.peers", "Propose entries for devices that were seen."),
    "sensor": Entry("appliance.cli.sensor", "Watch an interface or read a pcap."),
    "keys": Entry("appliance.cli.keys", "Show, make, rotate and export keys."),
    "certs": Entry("appliance.cli.certs", "Show, request, install and issue certificates."),
    "unlock": Entry("appliance.cli.unlock", "Give the running box its identity."),
    "lock": Entry("appliance.cli.lock", "Have the running box forget it."),
    "passcode": Entry("appliance.cli.passcode", "Make what the configuration keeps of a passcode."),
    "open": Entry("appliance.cli.open", "Open a sealed object into a DICOM file."),
    "deliver": Entry("appliance.cli.deliver", "Deliver sealed objects from an object store into a PACS."),
    "vault": Entry("appliance.cli.vault", "Show, check, open and keep what is stored."),
    "demo": Entry("appliance.cli.demo", "Show all of it on this machine."),
    "completion": Entry("appliance.cli.completion", "Print what a shell completes our commands with."),
    "program": Entry("appliance.cli.program", "Run one program, as its unit does.", hidden=True),
}


class PipeClosed(Exception):
    """Whoever read our output has gone; that is no error."""


class LazyGroup(click.Group):
    """A group whose commands stand in `COMMANDS`; help and completion import none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return [name for name, entry in COMMANDS.items() if importlib.util.find_spec(entry.module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name].module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table."""
        rows = [(name, COMMANDS[name].help) for name in self.list_commands(ctx) if not COMMANDS[name].hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, from the table; options as for any command."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete) and not COMMANDS[name].hidden]
        return [CompletionItem(name, help=COMMANDS[name].help) for name in names] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            visible = [name for name in self.list_commands(ctx) if not COMMANDS[name].hidden]
            near = difflib.get_close_matches(args[0], visible, n=1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the command line; `--help` is shown here."""
        with _pipe_told_apart():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _pipe_told_apart():
            return super().invoke(ctx)


@contextlib.contextmanager
def _pipe_told_apart() -> Iterator[None]:
    """A reader who left is no error, other broken pipes are; click takes both for the first."""
    try:
        yield
    except BrokenPipeError as error:
        poll = select.poll()
        poll.register(1, 0)  # POLLERR comes unasked, poll(2)
        if poll.poll(0):
            raise PipeClosed from None
        raise OSError(errno.ECONNABORTED, "a connection broke") from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="appliance")
def command() -> None:
    """The PACS edge appliance: seals what modalities send, delivers it, and watches the network.

    A first set-up: appliance init, then appliance check, then appliance run.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit status. The one place where errors become words and numbers."""
    status = 0
    expect_json(arguments)
    write_what_can_be_written()
    try:
        status = _invoke(arguments)
        if sys.stdout:  # None where it was closed before we began
            sys.stdout.flush()
    except (PipeClosed, BrokenPipeError):
        # What Python still holds for stdout must not complain when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return PIPE_CLOSED
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return status or _refused(error)  # where it failed before, that was said
    return status


def _invoke(arguments: Sequence[str]) -> int:
    try:
        result = command.main(list(arguments), prog_name="appliance", standalone_mode=False, color=colours())
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except ApplianceError as error:
        print_error(error)
        return error.exit_status
    except click.ClickException as error:
        error.show()
        fail_json(error.format_message(), error.exit_code, fault="usage")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except PipeClosed:
        raise
    except OSError as error:
        return _refused(error)
    except Exception as error:  # noqa: BLE001  # the last handler; its text may hold what a peer sent
        return _unforeseen(error)
    return result if isinstance(result, int) else 0


def _refused(error: OSError) -> int:
    """The system said no, where nobody below had a better word for it."""
    about = f": {error.filename}" if error.filename else ""
    message = f"{error.strerror or type(error).__name__}{about}"
    if isinstance(error, PermissionError):
        fail(f"{message}. {_BECOME}")
        fail_json(message, NO_PERMISSION, fault=Fault.LOCAL.value, fix=_BECOME)
        return NO_PERMISSION
    fail(message)
    fail_json(message, DiskError.exit_status, fault=DiskError.fault.value, temporary=True)
    return DiskError.exit_status


def _unforeseen(error: Exception) -> int:
    """An error of ours: named by its kind and place, for its text may hold what must not be shown."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""  # noqa: PTH119
    message = f"unforeseen {type(error).__name__}{place}"
    fail(message)
    fail_json(message, INTERNAL, fault=Fault.LOCAL.value)
    say(f"Please report this line. With {TRACEBACK}=1 more is shown; look through it before you pass it on.")
    return INTERNAL
