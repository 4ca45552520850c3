"""`appliance vault rebuild`: make the ledger anew from the objects and the journal. The old one is kept aside."""

from __future__ import annotations

import os
import pwd
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.base.errors import DiskError, LocalError
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.vault.asking import ask_forward
from appliance.cli.vault.reading import index_key_for, index_key_option, progress_bar
from appliance.config.load import load_config
from appliance.config.model import Config

if TYPE_CHECKING:
    from rich.progress import TaskID

    from appliance.vault.layout import StateLayout


@click.command(name="rebuild")
@click.option("--at-start", is_flag=True, help="Have forward do it when it starts next; it may be running now.")
@index_key_option
@config_option
@json_option
def command(at_start: bool, index_key: Path | None, path: Path, as_json: bool) -> None:
    """Make the ledger anew, from the objects, the index key and the journal. The old one goes to quarantine.

    forward does so by itself when it finds its ledger missing or damaged at its start. This is for when the ledger is
    wrong and does not show it. What the journal proves is not delivered again, and holds stand; what it cannot prove is
    delivered again, slowly.

    Example: appliance vault rebuild --at-start && systemctl restart appliance-forward
    """
    from appliance.vault.layout import StateLayout

    config = load_config(path)
    layout = StateLayout(config.appliance.state_dir)
    if not layout.ledger.parent.is_dir():
        raise LocalError(f"there is no vault at {layout.ledger.parent}", fix="Check state_dir, and who may read it.")
    if at_start:
        _ask_for_it(layout)
        if as_json:
            write_json({"at_start": True})
        say("The next start of forward makes the ledger anew.")
        return
    _refuse_while_running(config)
    key = index_key_for(config, index_key)
    _become_owner(layout.ledger.parent)
    _ask_for_it(layout)  # so that a run that is broken off is begun again
    result = _rebuild(config, layout, key)
    if as_json:
        write_json(result)
        return
    click.echo(f"The ledger has {result['objects']} objects.")
    if result["again"]:
        say(f"The journal lacks proofs: delivered again, slowly: {result['again']}.")


def _rebuild(config: Config, layout: StateLayout, key: object) -> dict[str, object]:
    from appliance.delivery.adoption import route
    from appliance.seal.index_key import IndexKey
    from appliance.vault.adoption import Adoption
    from appliance.vault.journal import Journal
    from appliance.vault.objects import Objects
    from appliance.vault.rebuild import Rebuild
    from appliance.vault.recovery import open_ledger, recover
    from appliance.vault.standing import standing

    assert isinstance(key, IndexKey)
    ledger, _ = open_ledger(layout)
    try:
        journal = Journal(layout, key)
        ledger.mirror = journal.append
        rebuild = Rebuild(ledger, journal)
        rebuild.resume_marks()
        adoption = Adoption(Objects(layout), ledger, key, route(config.route))
        fates: Counter[str] = Counter()
        with progress_bar() as progress:
            tasks: dict[str, TaskID] = {}
            for step in recover(adoption, time.time(), rebuild=rebuild):
                if step.phase not in tasks:
                    tasks[step.phase] = progress.add_task(step.phase)
                progress.update(tasks[step.phase], completed=step.done, total=step.total)
                fates.update(found.fate.value for found in step.fates)
        journal.write_anew(standing(ledger))
        journal.close()
        holdings = ledger.holdings()
        present = holdings["present"].objects if "present" in holdings else 0
        return {"objects": present, "fates": fates, "complete": rebuild.complete, "again": rebuild.again}
    finally:
        ledger.close()


def _ask_for_it(layout: StateLayout) -> None:
    try:
        layout.rebuild_wanted.touch(mode=0o600)
    except OSError as error:
        raise DiskError(f"cannot write beside the ledger: {error.strerror}", fix="Run as root.") from None


def _refuse_while_running(config: Config) -> None:
    running = False
    with suppress(LocalError):
        ask_forward(config.appliance.runtime_dir, "ids", prefix="00")
        running = True
    if running:
        raise LocalError("forward is running, and has the ledger", fix="Stop it first, or use --at-start.")


def _become_owner(directory: Path) -> None:
    """Root would leave files that forward cannot write."""
    owner = directory.stat()
    if os.geteuid() == owner.st_uid:
        return
    if os.geteuid():
        raise LocalError("the ledger is another user's", fix="Run as root, or as forward's user.")
    try:
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:  # a user without a name
        os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
