"""`respond` and the sensor as real programs in a network namespace: a real packet filter, and DCMTK as a stranger."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.main import run as appliance
from appliance.config.load import load_config
from appliance.host.alerts import read_alerts
from appliance.host.snapshot import Collector
from appliance.inspection.block_request import BlockRequest, encode
from appliance.programs.respond import Respond
from tests.capture.lab import Wire, needs, needs_root, run, wire
from tests.inspection.wire import ACK, PSH, SYN, associate, frame

pytestmark = [needs_root, needs("ip", "nft", "setpriv", "echoscu", "storescp")]
PORT = 11113
REPOSITORY = Path(__file__).parents[2]
ONLY_NET_RAW = ["setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw"]
ONLY_NET_ADMIN = ["setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin"]

IMPORTS = """
import json, sys
import appliance.programs.respond
print(json.dumps([name for name in sys.modules if name.partition(".")[0] in sys.argv[1:]]))
"""


def test_it_loads_no_scapy_and_no_keys() -> None:
    forbidden = ("scapy", "cryptography", "pydicom", "pynetdicom", "sqlite_utils", "watchdog", "prometheus_client")
    done = subprocess.run([sys.executable, "-c", IMPORTS, *forbidden], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


class Box:
    """The far host of a wire is the box; the near one a stranger at it."""

    def __init__(self, root: Path, lab: Wire) -> None:
        self.root, self.lab = root, lab
        self.runtime = root / "run"
        self.runtime.mkdir()
        self.policy = root / "respond.toml"
        self.policy.write_text('most_blocks = 2\nlongest = "60s"\n')
        self.collector = Collector(self.runtime)
        self.collector.socket.settimeout(30)
        self.log = root / "log"
        self.processes: list[subprocess.Popen[bytes]] = []

    def configure(self, respond: str = "block", peer: str = "10.99.0.1", more: str = "", mode: str = "host") -> Path:
        path = self.root / "appliance.toml"
        path.write_text(f"""
[appliance]
ae_title = "EDGE01"
state_dir = "{self.root / "state"}"
runtime_dir = "{self.runtime}"
[receive]
listen_plain = ["{self.lab.far_ip}:{PORT}"]
[[peer]]
name = "CT"
ae_titles = ["CT1"]
addresses = ["{peer}"]
tls = "allowed"
[vault]
recipients = ["age1{"q" * 58}"]
[sensor]
interface = "{self.lab.far}"
mode = "{mode}"
decoy_ae = "ARCHIVE"
respond = "{respond}"
respond_for = "30s"
respond_file = "{self.policy}"
{more}
""")
        return path

    def start(self, program: str, wrapper: list[str] | None = None) -> subprocess.Popen[bytes]:
        config = str(self.root / "appliance.toml")
        command = [*(wrapper or []), sys.executable, "-m", "appliance", "program", program, "--config", config]
        begun = self.said(f"{program} is ready")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.lab.namespace, *command],
                stderr=log,
                env={**os.environ, "PYTHONWARNINGS": "error"},
            )
        self.processes.append(process)
        self.until(lambda: self.said(f"{program} is ready") > begun or process.poll() is not None)
        return process

    def serve(self) -> None:
        """A storage SCP where ours would be."""
        process = self.lab.start_inside("storescp", "--fork", "--ignore", str(PORT))
        self.processes.append(process)
        self.until(lambda: "11113" in self.lab.inside("ss", "-ltn").stdout)

    def echo(self, called: str = "EDGE01", timeout: str = "10") -> bool:
        command = [
            "echoscu",
            "-to",
            timeout,
            "-ta",
            timeout,
            "-td",
            timeout,
            "-aet",
            "CT1",
            "-aec",
            called,
            self.lab.far_ip,
            str(PORT),
        ]
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0

    def ask(self, source: str, acknowledged: bool = True, rule: str = "D05") -> None:
        """As the sensor would."""
        target = ipaddress.ip_address(self.lab.far_ip)
        request = BlockRequest(rule, ipaddress.ip_address(source), 4000, target, PORT, 30, acknowledged)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(encode(request), str(self.runtime / "respond/requests"))

    def blocked(self) -> list[str]:
        listed = self.lab.inside("nft", "-j", "list", "set", "inet", "appliance_respond", "blocked4").stdout
        sets = [each["set"] for each in json.loads(listed)["nftables"] if "set" in each] if listed else []
        return sorted(each["elem"]["val"] for one in sets for each in one.get("elem", ()))

    def said(self, word: str) -> int:
        return self.log.read_text().count(word) if self.log.exists() else 0

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> bool:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)
        return condition()

    def outcomes(self) -> list[str]:
        return [record["response"]["outcome"] for record in read_alerts(self.root / "state/responses/respond.jsonl")]

    def command(self, *arguments: str) -> int:
        return appliance([*arguments, "--config", str(self.root / "appliance.toml")])

    def close(self) -> None:
        for each in self.processes:
            each.kill()
            each.wait()
        for left in run("ip", "netns", "pids", self.lab.namespace).stdout.split():  # children of storescp
            os.kill(int(left), signal.SIGKILL)
        self.collector.close()


@pytest.fixture
def box() -> Iterator[Box]:
    # pytest's own directories are closed to other users.
    with wire(21) as lab, tempfile.TemporaryDirectory(prefix="appliance-respond-") as name:
        Path(name).chmod(0o755)
        made = Box(Path(name), lab)
        yield made
        made.close()


def test_a_stranger_at_the_decoy_is_shut_out_for_a_while(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way: a real association, the sensor with CAP_NET_RAW alone, respond with CAP_NET_ADMIN alone."""
    box.configure()
    box.serve()
    box.start("respond", ONLY_NET_ADMIN)
    box.start("sensor", ONLY_NET_RAW)
    assert box.echo()
    box.echo("ARCHIVE", timeout="1")  # this storescp answers to any title; the sensor minds, often before it has
    assert box.until(lambda: box.said("BLOCK-SET") == 1), box.log.read_text()
    assert box.blocked() == [box.lab.near_ip]
    line = next(line for line in box.log.read_text().splitlines() if "BLOCK-SET" in line)
    assert f"blocked {box.lab.near_ip} for 30 s because of D13; this protects this box alone" in line
    assert box.outcomes()[0] == "executed"
    assert not box.echo(timeout="1")
    assert box.until(lambda: "mitigated" in box.outcomes())
    record = list(read_alerts(box.root / "state/responses/respond.jsonl"))[-1]
    assert record["alert"]["signature_id"] == "D46"
    assert (record["alert"]["action"], record["src_ip"]) == ("blocked", box.lab.near_ip)
    # A person looks, and lets it in again.
    assert box.command("blocks", "list", "--json") == 0
    (block,) = json.loads(capsys.readouterr().out)["blocks"]
    assert (block["address"], block["rule"], block["dry_run"]) == (box.lab.near_ip, "D13", False)
    assert block["packets"] >= 1
    assert box.command("blocks", "list") == 0
    shown = capsys.readouterr()
    assert box.lab.near_ip in shown.out and "This protects this box alone." in shown.err
    assert box.command("alerts", "--rule", "D46") == 0
    assert "packets dropped since it was blocked because of D13" in capsys.readouterr().out
    assert box.command("blocks", "release", box.lab.near_ip) == 0
    assert capsys.readouterr().out == f"Released: {box.lab.near_ip}.\n"
    assert box.blocked() == []
    assert box.until(box.echo)
    assert box.command("blocks", "release", box.lab.near_ip) == 1


@needs("nmap")
def test_nmap_finds_the_server_and_is_shut_out(box: Box) -> None:
    box.configure()
    box.serve()
    box.start("respond", ONLY_NET_ADMIN)
    box.start("sensor", ONLY_NET_RAW)
    scan = ["nmap", "-Pn", "-n", "-p", str(PORT), "--script", "+dicom-ping", "--host-timeout", "4s", box.lab.far_ip]
    subprocess.run(scan, capture_output=True, timeout=60)
    assert box.until(lambda: box.blocked() == [box.lab.near_ip]), box.log.read_text()
    assert box.said("because of D05") == 1
    assert not box.echo(timeout="1")


def test_a_forged_association_has_nobody_shut_out(box: Box) -> None:
    """Somebody on the wire sends a whole association in the name of another address, and cannot see the answers."""
    box.configure()
    box.serve()
    box.start("respond", ONLY_NET_ADMIN)
    box.start("sensor", ONLY_NET_RAW)
    victim = box.lab.far_ip.rpartition(".")[0] + "." + str(int(box.lab.far_ip.rpartition(".")[2]) + 2)
    mac = json.loads(box.lab.inside("ip", "-j", "link", "show", box.lab.far).stdout)[0]["address"]
    request = associate(called=b"ARCHIVE", calling=b"ROGUE")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as forger:
        forger.bind((box.lab.near, 0))
        for seq, ack, flags, payload in ((1000, 0, SYN, b""), (1001, 77, ACK, b""), (1001, 77, ACK | PSH, request)):
            forged = frame(victim, 40000, box.lab.far_ip, PORT, seq, ack, flags, payload)
            forger.send(bytes.fromhex(mac.replace(":", "")) + forged[6:])
            time.sleep(0.2)
    assert box.until(lambda: box.said("D13 a decoy was touched") == 1), box.log.read_text()  # it is told all the same
    assert box.until(lambda: box.said(f"did not block {victim} for D13: the handshake was not acknowledged") == 1)
    assert box.blocked() == []


def test_who_must_stay_reachable_is_refused(box: Box) -> None:
    box.policy.write_text('never = ["10.98.0.0/24"]\n')
    box.configure(peer=box.lab.near_ip)
    box.serve()
    box.start("respond", ONLY_NET_ADMIN)
    for source, why in (
        (box.lab.near_ip, 'it is never blocked: peer "CT"'),
        (box.lab.far_ip, "it is never blocked: this box"),
        ("10.98.0.7", "it is never blocked: respond.toml"),
        ("127.0.0.1", "it is no address of a single other machine"),
    ):
        box.ask(source)
        assert box.until(lambda why=why: box.said(why) == 1), why  # type: ignore[misc]
    assert box.blocked() == []
    assert box.echo()
    assert box.outcomes() == ["suppressed"] * 4


def test_a_forged_handshake_and_a_strange_user_are_refused(box: Box) -> None:
    box.configure()
    box.start("respond", ONLY_NET_ADMIN)
    box.ask("10.97.0.1", acknowledged=False)
    assert box.until(lambda: box.said("the handshake was not acknowledged both ways") == 1)
    (box.runtime / "respond").chmod(0o777)
    (box.runtime / "respond/requests").chmod(0o666)  # the directory would have sufficed
    target = ipaddress.ip_address(box.lab.far_ip)
    message = encode(BlockRequest("D05", ipaddress.ip_address("10.97.0.2"), 4000, target, PORT, 30, True))
    code = "import socket, sys; socket.socket(1, 2).sendto(bytes.fromhex(sys.argv[1]), sys.argv[2])"
    stranger = ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", "/usr/bin/python3", "-c", code]
    subprocess.run([*stranger, message.hex(), str(box.runtime / "respond/requests")], check=True)
    assert box.until(lambda: box.said("user 4242 asked, and only the sensor may") == 1)
    assert box.blocked() == []


# As its unit starts it: a user of its own, one capability, ambient. All is imported before, for a plain user may not be
# able to read this clone.
AS_ITS_USER = """
import ctypes, os, struct, sys
from pathlib import Path
import appliance.programs.respond as program
from appliance.config.load import load_config
path = Path(sys.argv[1])
config, libc, net_admin = load_config(path), ctypes.CDLL(None, use_errno=True), 12
assert libc.prctl(8, 1, 0, 0, 0) == 0  # PR_SET_KEEPCAPS
os.setgroups([])
os.setresgid(6001, 6001, 6001)
os.setresuid(6001, 6001, 6001)
only = struct.pack("=6I", *([1 << net_admin] * 3), 0, 0, 0)
assert libc.capset(struct.pack("=II", 0x20080522, 0), only) == 0
assert libc.prctl(47, 2, net_admin, 0, 0) == 0  # PR_CAP_AMBIENT_RAISE, for nft
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
raise SystemExit(program.main(config, path))
"""


def test_as_a_user_of_its_own_it_hears_the_sensors_user_and_nobody_else(box: Box) -> None:
    path = box.configure()
    users = box.root / "passwd"
    ours = "appliance-respond:x:6001:6001::/:/bin/false\nappliance-sensor:x:6002:6002::/:/bin/false\n"
    users.write_text(Path("/etc/passwd").read_text() + ours)
    for directory, owner in ((box.runtime / "respond", (6001, 6002)), (box.root / "state/responses", (6001, 6001))):
        directory.mkdir(parents=True)
        os.chown(directory, *owner)
        directory.chmod(0o2750)
    start = f'mount --bind "{users}" /etc/passwd && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", start, "sh", sys.executable, "-c", AS_ITS_USER, str(path)]
    with box.log.open("ab") as log:
        box.processes.append(
            subprocess.Popen(["ip", "netns", "exec", box.lab.namespace, *command], stderr=log, cwd=REPOSITORY)
        )
    assert box.until(lambda: box.said("STARTED") == 1), box.log.read_text()
    target = ipaddress.ip_address(box.lab.far_ip)

    def send(uid: int, source: str) -> int:
        message = encode(BlockRequest("D05", ipaddress.ip_address(source), 4000, target, PORT, 30, True))
        code = "import socket, sys; socket.socket(1, 2).sendto(bytes.fromhex(sys.argv[1]), sys.argv[2])"
        user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
        sender = [*user, "/usr/bin/python3", "-c", code, message.hex(), str(box.runtime / "respond/requests")]
        return subprocess.run(sender, capture_output=True, timeout=20).returncode

    assert send(6002, "10.97.0.1") == 0
    assert box.until(lambda: box.blocked() == ["10.97.0.1"]), box.log.read_text()
    assert send(4242, "10.97.0.2") != 0  # it does not even get there
    assert send(0, "10.97.0.3") == 0  # root gets everywhere, and is not the sensor
    assert box.until(lambda: box.said("user 0 asked, and only the sensor may") == 1)
    assert box.blocked() == ["10.97.0.1"]
    assert box.command("blocks", "release", "--all") == 0  # but root may release
    assert box.blocked() == []


def test_bytes_that_are_no_request_change_nothing(box: Box) -> None:
    box.configure()
    process = box.start("respond", ONLY_NET_ADMIN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for size in (*range(64), 4096, 65000):
            sender.sendto(os.urandom(size), str(box.runtime / "respond/requests"))
    box.ask("10.97.0.1")
    assert box.until(lambda: box.blocked() == ["10.97.0.1"])
    assert process.poll() is None


def test_the_number_and_the_time_are_roots_own(box: Box) -> None:
    box.policy.write_text('most_blocks = 2\nlongest = "12s"\n')
    box.configure()
    box.start("respond", ONLY_NET_ADMIN)
    for number in range(1, 4):
        box.ask(f"10.97.0.{number}")
    assert box.until(lambda: box.said("2 addresses are blocked, which is the most") == 1)
    assert box.blocked() == ["10.97.0.1", "10.97.0.2"]
    assert box.said("for 12 s because of D05") == 2  # not the 30 that were asked for
    shown = box.lab.inside("nft", "list", "set", "inet", "appliance_respond", "blocked4").stdout
    assert "timeout 12s" in shown and "size 2" in shown


def test_a_dry_run_touches_nothing(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.configure("dry-run")
    box.policy.unlink()  # it can do without
    box.start("respond", ["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    box.ask("10.97.0.1")
    assert box.until(lambda: box.said("BLOCK-WOULD") == 1)
    assert box.lab.inside("nft", "list", "ruleset").stdout == ""
    assert box.outcomes() == ["dry-run"]
    assert box.command("blocks", "list") == 0
    assert "(dry-run)" in capsys.readouterr().out


def test_a_restart_takes_over_what_is_blocked_but_for_what_is_no_longer_allowed(box: Box) -> None:
    box.configure()
    process = box.start("respond", ONLY_NET_ADMIN)
    for number in (1, 2):
        box.ask(f"10.97.0.{number}")
    assert box.until(lambda: len(box.blocked()) == 2)
    process.kill()
    process.wait()
    assert len(box.blocked()) == 2  # the kernel goes on
    box.configure(peer="10.97.0.2")
    box.start("respond", ONLY_NET_ADMIN)
    assert box.blocked() == ["10.97.0.1"]
    assert box.said("took over 2 blocks from the time before the start; released 1 of them") == 1
    box.ask("10.97.0.1")  # known
    box.ask("10.97.0.3")
    assert box.until(lambda: box.blocked() == ["10.97.0.1", "10.97.0.3"])


def test_other_rules_that_were_loaded_do_not_end_blocks_for_long(box: Box) -> None:
    box.configure()
    box.start("respond", ONLY_NET_ADMIN)
    box.ask("10.97.0.1")
    assert box.until(lambda: box.blocked() == ["10.97.0.1"])
    box.lab.inside("nft", "flush", "ruleset", check=True)
    assert box.until(lambda: box.said("BLOCKS-RESTORED") == 1)
    assert box.blocked() == ["10.97.0.1"]
    box.lab.inside("nft", "flush", "table", "inet", "appliance_respond", check=True)  # the sets stay, and drop nobody
    box.ask("10.97.0.2")
    assert box.until(lambda: box.said("BLOCKS-RESTORED") == 2)
    assert box.until(lambda: box.blocked() == ["10.97.0.1", "10.97.0.2"])
    assert box.lab.inside("nft", "list", "chain", "inet", "appliance_respond", "input").stdout.count("drop") == 2


def test_switching_it_off_releases_everybody(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.configure()
    process = box.start("respond", ONLY_NET_ADMIN)
    box.ask("10.97.0.1")
    assert box.until(lambda: box.blocked() == ["10.97.0.1"])
    assert box.command("blocks", "release", "--all", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"released": ["10.97.0.1"]}
    box.ask("10.97.0.2")
    assert box.until(lambda: box.blocked() == ["10.97.0.2"])
    box.configure("off")
    process.send_signal(signal.SIGHUP)
    assert box.until(lambda: box.said("CONFIG-LOADED") == 1)
    assert box.lab.inside("nft", "list", "ruleset").stdout == ""
    assert box.said("10.97.0.2 is no longer blocked: the mode was changed") == 1
    assert box.command("blocks", "list") == 70
    assert "this box blocks nobody" in capsys.readouterr().err


def test_names_that_resolve_late_put_no_older_bounds_in_force(box: Box) -> None:
    old = load_config(box.configure("dry-run"))
    new = load_config(box.configure("dry-run", peer="10.99.0.2"))
    respond = Respond(old, box.root / "appliance.toml")
    try:
        respond._look_around()
        respond._put_in_force(new, False)
        respond._round()
        assert respond._force.responder is not None
        why = {str(each.network) for each in respond._force.responder.bounds.never if "CT" in each.why}
        assert why == {"10.99.0.2/32"}
    finally:
        respond._requests.close()
        respond._control.start()
        respond._control.stop()
        respond._reporter.close()


def test_the_panel_hears_of_blocks(box: Box) -> None:
    box.configure(mode="inline")
    box.start("respond", ONLY_NET_ADMIN)
    box.ask("10.97.0.1")
    told: list[dict[str, Any]] = []
    while not told or not told[-1].get("blocks"):
        received = box.collector.receive()
        assert received is not None
        told.append(received[1])
    assert (told[-1]["program"], told[-1]["mode"], told[-1]["scope"]) == ("respond", "block", "inline")
    assert told[-1]["protects"] == "this protects what lies behind this box"
    assert any("alert" in each and each["alert"]["alert"]["signature_id"] == "D46" for each in told)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda box: box.policy.unlink(), "cannot read"),
        (lambda box: box.policy.chmod(0o666), "can be changed by others than root"),
        (lambda box: os.chown(box.policy, 4242, 0), "can be changed by others than root"),
        (lambda box: box.policy.write_text("nevver = []\n"), 'did you mean "never"?'),
        (lambda box: box.policy.write_text("most_blocks = 0\n"), "1 to 4096 addresses are possible"),
    ],
    ids=["missing", "writable", "owned", "unknown key", "none"],
)
def test_without_roots_word_it_does_not_block(box: Box, spoil: Callable[[Box], object], words: str) -> None:
    box.configure()
    spoil(box)
    assert box.start("respond", ONLY_NET_ADMIN).wait(10) == 78
    assert words in box.log.read_text()


def test_without_the_capability_it_says_how_to_give_it(box: Box) -> None:
    box.configure()
    assert box.start("respond", ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]).wait(10) == 77
    assert "CAP_NET_ADMIN" in box.log.read_text()


def test_while_a_destination_has_no_address_nobody_is_blocked(box: Box) -> None:
    destination = '[[destination]]\nname = "pacs"\nkind = "dimse"\naddress = "pacs.invalid:104"\nae_title = "P"\n'
    box.configure(more=destination + 'tls = "never"\n')
    process = box.start("respond", ONLY_NET_ADMIN)
    box.ask("10.97.0.1")
    assert box.until(lambda: box.said("the address of pacs.invalid is not known") == 1)
    assert box.blocked() == []
    box.policy.write_text('hosts = { "pacs.invalid" = ["10.97.0.9"] }\n')
    process.send_signal(signal.SIGHUP)
    assert box.until(lambda: box.said("CONFIG-LOADED") == 1)
    box.ask("10.97.0.1")
    assert box.until(lambda: box.blocked() == ["10.97.0.1"])
    box.ask("10.97.0.9")
    assert box.until(lambda: box.said('it is never blocked: destination "pacs"') == 1)
