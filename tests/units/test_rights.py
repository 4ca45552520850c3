"""Users, groups and directories as systemd makes them, tried with the real vault under the real user ids.

Each step runs in a process of its own that takes on the user, the groups and the umask of the unit first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.units.machine import PLACES, UNITS, run, tool

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take on the users of the units")

OBJECT = "00112233445566778899aabbccddeeff"

# Everything is imported before the user changes: a plain user may not be able to read this clone.
PREAMBLE = """
import os, sys
from pathlib import Path
from appliance.capture import block_channel
from appliance.host import report_channel
from appliance.vault.incoming import Incoming
from appliance.vault.layout import StateLayout
from appliance.vault.objects import Objects
groups, uid, umask, layout = eval(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3], 8), StateLayout(Path(sys.argv[4]))
os.setgroups(groups); os.setresgid(groups[0], groups[0], groups[0]); os.setresuid(uid, uid, uid); os.umask(umask)
"""


class Machine:
    """A root directory with our users, groups and directories in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "var/lib/appliance"
        for pattern, place in PLACES.items():
            (root / place).mkdir(parents=True, exist_ok=True)
            for file in UNITS.glob(pattern):
                (root / place / file.name).write_bytes(file.read_bytes())
        (root / "etc").mkdir()
        for command in ("systemd-sysusers", "systemd-tmpfiles"):
            create = ["--create"] if command == "systemd-tmpfiles" else []
            made = run(tool(command), f"--root={root}", *create, "appliance.conf")
            assert made.returncode == 0, made.stderr
        self.users = dict(self._entries("passwd"))
        self.groups = dict(self._entries("group"))

    def _entries(self, name: str) -> Iterator[tuple[str, list[str]]]:
        for line in (self.root / "etc" / name).read_text().splitlines():
            key, *rest = line.split(":")
            yield key, rest

    def owner(self, path: str) -> tuple[str, str, str]:
        """Mode, user and group of a path, by name."""
        status = (self.root / path).stat()
        users = {int(entry[1]): name for name, entry in self.users.items()} | {0: "root"}
        groups = {int(entry[1]): name for name, entry in self.groups.items()} | {0: "root"}
        return f"{status.st_mode & 0o7777:o}", users[status.st_uid], groups[status.st_gid]

    def act(self, program: str, code: str) -> subprocess.CompletedProcess[str]:
        """Run Python as a program's user."""
        user = f"appliance-{program}"
        ids = [int(self.users[user][2])]
        ids += [int(entry[1]) for entry in self.groups.values() if user in entry[2].split(",")]
        umask = next(
            line.removeprefix("UMask=")
            for line in (UNITS / f"{user}.service").read_text().splitlines()
            if line.startswith("UMask=")
        )
        return run(
            sys.executable, "-c", PREAMBLE + code, repr(ids), self.users[user][1], umask, str(self.state)
        )  # fmt: skip


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    # pytest's own directories are closed to other users.
    with tempfile.TemporaryDirectory(prefix="appliance-rights-") as name:
        Path(name).chmod(0o755)
        yield Machine(Path(name))


def store(machine: Machine) -> None:
    stored = machine.act(
        "receive",
        f"part = Incoming(layout).begin(4); part.append(b'payload'); part.commit(b'head', {OBJECT!r})",
    )
    assert stored.returncode == 0, stored.stderr


def test_what_forward_owns_is_its_own(machine: Machine) -> None:
    for name in ("objects", "ledger", "journal", "quarantine"):
        assert machine.owner(f"var/lib/appliance/{name}") == ("700", "appliance-forward", "appliance-forward")


def test_the_state_directory_cannot_be_rearranged(machine: Machine) -> None:
    assert machine.owner("var/lib/appliance") == ("750", "root", "appliance")


def test_the_vault_finds_nothing_left_to_make(machine: Machine) -> None:
    for program in ("receive", "forward"):
        created = machine.act(program, "layout.create()")
        assert created.returncode == 0, created.stderr


def test_receive_stores_and_forward_adopts(machine: Machine) -> None:
    store(machine)
    adopted = machine.act(
        "forward",
        f"""
objects = Objects(layout); objects.prepare()
assert objects.waiting() == [{OBJECT!r}]
with objects.open_waiting({OBJECT!r}) as file: objects.link({OBJECT!r}, file)
objects.settle([{OBJECT!r}]); objects.leave_incoming([{OBJECT!r}])
assert objects.open({OBJECT!r}).read() == b"headpayload"
assert objects.waiting() == []
""",
    )
    assert adopted.returncode == 0, adopted.stderr


def test_receive_writes_segments_and_forward_adopts_from_them(machine: Machine) -> None:
    made = f"""
from appliance.vault.segments import Segments
segments = Segments(layout, size=1 << 20)
assert segments.supply()
assert segments.append({OBJECT!r}, b"head", b"payload")
"""
    stored = machine.act("receive", made)
    assert stored.returncode == 0, stored.stderr
    adopted = machine.act(
        "forward",
        f"""
objects = Objects(layout); objects.prepare()
assert objects.waiting() == [{OBJECT!r}]
with objects.open_waiting({OBJECT!r}) as file:
    objects.make_durable(file); objects.link({OBJECT!r}, file)
objects.settle([{OBJECT!r}]); objects.leave_incoming([{OBJECT!r}])
assert objects.open({OBJECT!r}).read() == b"headpayload"
((segment_id, unusable),) = objects.segments.finished()
assert not unusable
objects.free_segment(segment_id)
objects.remove([{OBJECT!r}])
""",
    )
    assert adopted.returncode == 0, adopted.stderr
    again = machine.act("receive", made + "assert [path.suffix for path in layout.incoming.iterdir()] == ['.segment']")
    assert again.returncode == 0, again.stderr
    (segment,) = (machine.state / "incoming").glob("*.segment")
    assert machine.owner(str(segment.relative_to(machine.root))) == ("660", "appliance-receive", "appliance-incoming")
    segment.unlink()


def test_forward_sets_aside_what_receive_stored(machine: Machine) -> None:
    store(machine)
    moved = machine.act(
        "forward", f"Objects(layout).set_aside_waiting({OBJECT!r}); assert Objects(layout).quarantined()"
    )
    assert moved.returncode == 0, moved.stderr


@pytest.mark.parametrize("name", ["", "objects", "ledger", "journal", "quarantine", "alerts"])
def test_receive_makes_files_in_incoming_only(machine: Machine, name: str) -> None:
    tried = machine.act("receive", f"(layout.root / {name!r} / 'x').touch()")
    assert "PermissionError" in tried.stderr


@pytest.mark.parametrize("name", ["objects", "ledger", "journal", "quarantine"])
@pytest.mark.parametrize("program", ["receive", "sensor", "panel"])
def test_nobody_else_looks_into_what_forward_owns(machine: Machine, program: str, name: str) -> None:
    assert "PermissionError" in machine.act(program, f"os.listdir(layout.root / {name!r})").stderr


@pytest.mark.parametrize("program", ["sensor", "panel"])
def test_sensor_and_panel_stay_out_of_incoming(machine: Machine, program: str) -> None:
    assert "PermissionError" in machine.act(program, "os.listdir(layout.incoming)").stderr


def test_the_sensor_writes_alerts(machine: Machine) -> None:
    written = machine.act("sensor", "(layout.alerts / 'x.json').write_text('{}')")
    assert written.returncode == 0, written.stderr


def test_nobody_removes_anothers_socket(machine: Machine) -> None:
    runtime = "Path(layout.root.parents[2] / 'run/appliance/panel.sock')"
    assert machine.act("panel", f"{runtime}.touch()").returncode == 0
    assert "PermissionError" in machine.act("forward", f"{runtime}.unlink()").stderr


MEET = "run = layout.root.parents[2] / 'run/appliance'; "


def test_receive_alone_meets_forward_about_reports(machine: Machine) -> None:
    assert machine.owner("run/appliance/reports") == ("2750", "appliance-forward", "appliance-incoming")
    (machine.root / "run").chmod(0o755)
    listening = machine.act("forward", MEET + "report_channel.listen(run)")
    assert listening.returncode == 0, listening.stderr
    assert machine.owner("run/appliance/reports/forward") == ("660", "appliance-forward", "appliance-incoming")
    # Nobody listens any more, and only who got as far as the socket is told.
    assert "ConnectionRefusedError" in machine.act("receive", MEET + "report_channel.connect(run)").stderr
    for program in ("sensor", "panel"):
        assert "PermissionError" in machine.act(program, MEET + "report_channel.connect(run)").stderr
    for program in ("receive", "sensor", "panel"):
        assert "PermissionError" in machine.act(program, MEET + "report_channel.socket_path(run).unlink()").stderr


def test_the_sensor_alone_asks_respond(machine: Machine) -> None:
    assert machine.owner("run/appliance/respond") == ("2750", "appliance-respond", "appliance-sensor")
    (machine.root / "run").chmod(0o755)
    listening = machine.act("respond", MEET + "block_channel.Requests(run)")
    assert listening.returncode == 0, listening.stderr
    assert machine.owner("run/appliance/respond/requests") == ("660", "appliance-respond", "appliance-sensor")
    send = MEET + "import socket; socket.socket(1, 2).sendto(b'x', str(block_channel.channel_path(run)))"
    assert "ConnectionRefusedError" in machine.act("sensor", send).stderr  # nobody listens any more
    for program in ("receive", "forward", "panel"):
        assert "PermissionError" in machine.act(program, send).stderr
    for program in ("receive", "forward", "panel", "sensor"):
        assert "PermissionError" in machine.act(program, MEET + "block_channel.channel_path(run).unlink()").stderr


def test_respond_writes_what_it_did_and_its_policy_is_roots(machine: Machine) -> None:
    responses = "(layout.root / 'responses/respond.jsonl')"
    assert machine.act("respond", f"{responses}.write_text('x')").returncode == 0
    assert "PermissionError" in machine.act("sensor", f"{responses}.write_text('x')").stderr
    policy = machine.root / "etc/appliance/respond.toml"
    policy.write_text("")
    run(tool("systemd-tmpfiles"), f"--root={machine.root}", "--create", "appliance.conf")
    assert machine.owner("etc/appliance/respond.toml") == ("640", "root", "appliance")
    policy_of = "(layout.root.parents[2] / 'etc/appliance/respond.toml')"
    assert machine.act("respond", f"{policy_of}.read_text()").returncode == 0
    for change in ("write_text('x')", "unlink()"):
        assert "PermissionError" in machine.act("respond", f"{policy_of}.{change}").stderr


def test_the_sensor_reads_the_cas_and_changes_nothing(machine: Machine) -> None:
    path = machine.root / "etc/appliance/site-ca.crt"
    path.write_text("ca")
    path.chmod(0o600)
    run(tool("systemd-tmpfiles"), f"--root={machine.root}", "--create", "appliance.conf")
    assert machine.owner("etc/appliance/site-ca.crt") == ("444", "root", "appliance")
    there = "(layout.root.parents[2] / 'etc/appliance/site-ca.crt')"
    assert machine.act("sensor", f"{there}.read_text()").returncode == 0
    for change in ("write_text('x')", "unlink()"):
        assert "PermissionError" in machine.act("sensor", f"{there}.{change}").stderr


@pytest.mark.parametrize(
    ("key", "owner"),
    [
        ("tls/appliance.key", ("400", "appliance-receive", "appliance-receive")),
        ("tls/appliance-client.key", ("400", "appliance-forward", "appliance-forward")),
        ("keys/identity", ("400", "appliance-forward", "appliance-forward")),
        ("keys/index-key", ("440", "root", "appliance-incoming")),
        ("tls/site-ca.key", ("600", "root", "root")),
    ],
)
def test_each_key_goes_to_the_program_that_reads_it(machine: Machine, key: str, owner: tuple[str, str, str]) -> None:
    path = machine.root / "etc/appliance" / key
    path.parent.mkdir(exist_ok=True)
    path.write_text("key")
    path.chmod(0o600)
    run(tool("systemd-tmpfiles"), f"--root={machine.root}", "--create", "appliance.conf")
    assert machine.owner(f"etc/appliance/{key}") == owner
