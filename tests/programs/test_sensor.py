"""The sensor as a program, and the same engine on a file: `appliance program sensor`, `appliance sensor --pcap`."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.base import limits
from appliance.cli.main import run as appliance
from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from appliance.host.alerts import read_alerts
from appliance.host.certificates import Authority
from appliance.host.snapshot import Collector
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening
from tests.capture.lab import Wire, needs, needs_root, wire
from tests.capture.test_pcap_file import classic
from tests.inspection.handshake import talk
from tests.inspection.rules.test_tls import FOREIGN, OTHER, SITE, of, play
from tests.inspection.scene import CONFIG
from tests.inspection.test_engine import Tape, recorded
from tests.inspection.wire import ACK, associate, frame
from tests.sensor_lab.ground import raw_socket, within

FORBIDDEN = ("watchdog", "sqlite_utils", "prometheus_client", "pydicom", "pynetdicom", "numpy")

IMPORTS = """
import sys, time
begun = time.perf_counter()
import appliance.programs.sensor
took = time.perf_counter() - begun
early = set(sys.modules)
from appliance.capture.scapy_socket import ScapySocket
from appliance.capture.pcap_file import PcapFile
for use in (lambda: ScapySocket("nosuch0"), lambda: PcapFile(__import__("pathlib").Path(sys.argv[1]))):
    try:
        use()
    except Exception as error:
        assert type(error).__module__.startswith("appliance"), error
import json
print(json.dumps([took, "scapy" in early, "scapy" in sys.modules, "scapy.all" in sys.modules,
                  [name for name in sys.argv[2:] if name in sys.modules]]))
"""


def test_it_loads_little_and_nothing_that_scapys_licence_forbids(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORTS, str(tmp_path / "none"), *FORBIDDEN]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took, scapy_at_start, scapy_in_use, all_of_it, loaded = json.loads(done.stdout)
    assert loaded == []
    assert not scapy_at_start  # only where there is no ring, or a file to read
    assert scapy_in_use
    assert not all_of_it
    assert took < 5


LICENCES = """
import importlib.metadata as metadata, json, sys
import appliance.programs.sensor
from appliance.capture import evidence_store, pcap_file, scapy_socket
from appliance.capture.certificate import read_certificate
from appliance.inspection import link_decoders
link_decoders.prepare()
read_certificate(b"none")
homes = metadata.packages_distributions()
loaded = {home for name in {each.partition(".")[0] for each in sys.modules} for home in homes.get(name, ())}
said = {}
for home in loaded:
    about = metadata.metadata(home)
    words = [about.get("License-Expression") or about.get("License") or ""]
    words += [each for each in about.get_all("Classifier") or () if each.startswith("License")]
    said[home] = " ; ".join(words)
print(json.dumps(said))
"""


def test_no_package_that_it_loads_is_under_the_apache_licence_alone() -> None:
    """scapy's GPL-2.0-only does not go together with that; a choice beside it (cryptography has BSD) does."""
    done = subprocess.run([sys.executable, "-c", LICENCES], capture_output=True, text=True, check=True)
    licences = json.loads(done.stdout)
    assert {"scapy", "cryptography", "pydantic"} <= set(licences)
    apache = {home: words for home, words in licences.items() if "apache" in words.lower()}
    assert [home for home, words in apache.items() if " or " not in words.lower()] == []
    assert all(words.strip(" ;") for words in licences.values())  # each says what it is under


# A live program


def configuration(root: Path, lab: Wire, calling: str = "CT1", decoy: str = "ARCHIVE") -> Path:
    text = f"""
[appliance]
ae_title = "EDGE01"
state_dir = "{root / "state"}"
runtime_dir = "{root / "run"}"

[receive]
listen_plain = ["{lab.near_ip}:11113"]

[[peer]]
name = "CT"
ae_titles = ["{calling}"]
addresses = ["{lab.far_ip}"]
tls = "allowed"

[vault]
recipients = ["age1{"q" * 58}"]

[sensor]
interface = "{lab.near}"
decoy_ae = "{decoy}"
decoy_port = 11112
"""
    path = root / "appliance.toml"
    path.write_text(text)
    return path


class Program:
    """The sensor in a process of its own, with a panel that listens and a service manager that is told."""

    def __init__(self, root: Path, config: Path) -> None:
        (root / "run").mkdir()
        self.collector = Collector(root / "run")
        self.collector.socket.settimeout(30)  # the heartbeat tells what found no room
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(root / "notify"))
        self.manager.settimeout(20)
        self.told: list[str] = []
        self.log = root / "log"
        self.alerts = root / "state" / "alerts" / "sensor.jsonl"
        command = [sys.executable, "-m", "appliance", "program", "sensor", "--config", str(config)]
        environment = {**os.environ, "NOTIFY_SOCKET": str(root / "notify"), "PYTHONWARNINGS": "error"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, env=environment)

    def ready(self) -> str:
        while True:
            said = self.manager.recv(4096).decode()
            if said.startswith("READY=1"):
                return said

    def snapshot(self) -> dict[str, Any]:
        """The next state that the panel hears; alerts that come between are kept in `told`."""
        while True:
            self._heard()
            received = self.collector.receive()
            assert received is not None
            if "alert" not in received[1]:
                return received[1]
            self.told.append(received[1]["alert"]["alert"]["signature_id"])

    def wait(self, until: Callable[[], bool]) -> bool:
        end = time.monotonic() + 30
        while not until() and time.monotonic() < end:
            self._heard()
            time.sleep(0.02)
        return until()

    def _heard(self) -> None:
        """Take what the service manager was told: the program waits for one that takes nothing."""
        while select.select([self.manager], [], [], 0)[0]:
            self.manager.recv(4096)

    def rules(self) -> list[str]:
        return [record["alert"]["signature_id"] for record in read_alerts(self.alerts)]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.collector.close()
        self.manager.close()


@pytest.fixture
def lab() -> Iterator[Wire]:
    with wire(8) as made:
        yield made


@pytest.fixture
def start(tmp_path: Path, lab: Wire) -> Iterator[Callable[[], Program]]:
    programs: list[Program] = []

    def begin() -> Program:
        programs.append(Program(tmp_path, configuration(tmp_path, lab)))
        return programs[-1]

    yield begin
    for each in programs:
        each.close()


TALK = """
import socket, sys
with socket.create_connection((sys.argv[1], 11113), 5) as talk:
    talk.sendall(bytes.fromhex(sys.argv[2]))
    talk.recv(1)
"""


@pytest.fixture
def server(lab: Wire) -> Iterator[None]:
    """Accepts connections and closes them when something came."""
    code = (
        "import socket, sys\n"
        "server = socket.create_server((sys.argv[1], 11113))\n"
        "while True:\n"
        "    talk, _ = server.accept()\n"
        "    talk.recv(4096)\n"
        "    talk.close()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, lab.near_ip])
    for _ in range(200):
        try:
            socket.create_connection((lab.near_ip, 11113), 0.2).close()
            break
        except OSError:
            time.sleep(0.05)
    yield
    process.kill()
    process.wait()


@needs_root
@needs("ip")
def test_a_stranger_is_logged_recorded_and_reported(start: Callable[[], Program], lab: Wire, server: None) -> None:
    program = start()
    assert f"watching {lab.near} through a TPACKET_V3 ring" in program.ready()
    lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"ROGUE").hex(), check=True)
    assert program.wait(lambda: "D01" in program.rules())
    assert program.alerts.stat().st_mode & 0o777 == 0o640
    assert program.wait(lambda: "ALERT" in program.log.read_text())
    line = next(line for line in program.log.read_text().splitlines() if "ALERT" in line)
    assert f'D01 unknown calling AE title: {lab.far_ip} to {lab.near_ip} port 11113, calling "ROGUE"' in line
    said = program.snapshot()
    while not said["alerts"]:
        said = program.snapshot()
    assert (said["program"], said["interface"], said["dropped_packets"], said["faults"]) == ("sensor", lab.near, 0, 0)
    assert said["associations"] == 1
    assert said["packets"] > 5
    assert "D01" in program.told  # the panel hears of it at once, for `appliance status`


KNOCK = """
import socket, sys
for address, port in ((sys.argv[1], 11112), (sys.argv[1], 11113)):
    try:
        socket.create_connection((address, port), 2).close()
    except OSError:
        pass
"""


@needs_root
@needs("ip")
def test_an_alert_about_a_host_and_no_port_of_it_ends_nothing(
    start: Callable[[], Program], lab: Wire, server: None
) -> None:
    """One SYN for the decoy's port ended the sensor: its alert names a target without a port."""
    program = start()
    program.ready()
    lab.inside(sys.executable, "-c", KNOCK, lab.near_ip, check=True)
    assert program.wait(lambda: "ALERT" in program.log.read_text())
    line = next(line for line in program.log.read_text().splitlines() if "ALERT" in line)
    assert f"D13 a decoy was touched: {lab.far_ip} to {lab.near_ip}, tried port 11112" in line
    lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"ROGUE").hex(), check=True)
    assert program.wait(lambda: "D01" in program.rules())
    assert program.process.poll() is None


@needs_root
@needs("ip")
def test_a_reload_changes_the_registry_and_a_bad_file_does_not(
    start: Callable[[], Program], lab: Wire, server: None, tmp_path: Path
) -> None:
    program = start()
    program.ready()
    program.process.send_signal(signal.SIGHUP)
    assert program.wait(lambda: "nothing changed" in program.log.read_text())
    time.sleep(1.5)  # it would be told within a second
    assert "D45" not in program.rules()
    path = configuration(tmp_path, lab, calling="ROGUE")
    program.process.send_signal(signal.SIGHUP)
    assert program.wait(lambda: "changed [[peer]]" in program.log.read_text())
    lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"ROGUE").hex(), check=True)
    path.write_text("[appliance]\nae_titel = 1\n")
    program.process.send_signal(signal.SIGHUP)
    assert program.wait(lambda: "CONFIG-REJECTED" in program.log.read_text())
    lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"OTHER").hex(), check=True)
    assert program.wait(lambda: {"D01", "D45"} <= set(program.rules()))
    assert set(program.rules()) == {"D01", "D45"}  # that it judges otherwise is told as well


@needs_root
@needs("ip")
def test_an_interface_that_comes_after_the_start(start: Callable[[], Program], lab: Wire, server: None) -> None:
    lab.down()
    program = start()
    assert f"waiting for {lab.near}, which is not there" in program.ready()
    said = program.snapshot()
    while not said["fault"]:
        said = program.snapshot()
    assert (said["fault"], said["how"]) == ("is not there", "")
    assert "lo" in said["there"] and lab.near not in said["there"]
    assert program.wait(lambda: f"there is no interface {lab.near}; there are " in program.log.read_text())
    lab.up()
    assert program.wait(lambda: f"{lab.near} is watched now, after " in program.log.read_text())
    lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"ROGUE").hex(), check=True)
    assert program.wait(lambda: "D01" in program.rules())
    while said["fault"]:
        said = program.snapshot()
    assert "TPACKET_V3" in said["how"] and not said["there"]
    assert program.log.read_text().count("there is no interface") == 1
    assert program.process.poll() is None


@needs_root
@needs("ip")
def test_it_stops_when_told_and_says_so(start: Callable[[], Program]) -> None:
    program = start()
    program.ready()
    begun = time.monotonic()
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(5) == 0
    assert time.monotonic() - begun < 2
    assert "STOPPED" in program.log.read_text()
    assert json.loads((program.alerts.parent / "inventory.json").read_text())["format"] == 1
    said = program.snapshot()
    while not said.get("stopped"):
        said = program.snapshot()


@needs_root
@needs("ip")
def test_a_sensor_that_was_killed_says_so_when_it_is_back(start: Callable[[], Program], tmp_path: Path) -> None:
    program = start()
    program.ready()
    program.close()  # SIGKILL
    (tmp_path / "notify").unlink()
    (tmp_path / "run" / "panel.sock").unlink(missing_ok=True)
    (tmp_path / "run").rmdir()
    again = start()
    again.ready()
    assert again.wait(lambda: again.rules() == ["D43"])
    (record,) = read_alerts(again.alerts)
    assert "ended without being told to, some" in record["alert"]["metadata"]["evidence"]
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(5) == 0
    assert not (again.alerts.parent / "sensor.running").exists()


@needs_root
@needs("ip")
def test_an_interface_that_goes_and_comes_back_is_told_and_watched_on(start: Callable[[], Program], lab: Wire) -> None:
    program = start()
    program.ready()
    lab.inside("ip", "link", "del", lab.far)
    assert program.wait(lambda: "was removed" in program.log.read_text())
    lab.down()
    lab.up()
    assert program.wait(lambda: "is watched again" in program.log.read_text())
    assert set(program.rules()) == {"D43"}
    code = "import socket, sys; socket.create_server((sys.argv[1], 11113)).accept()[0].recv(4096)"
    with subprocess.Popen([sys.executable, "-c", code, lab.near_ip]) as listener:
        begun = time.monotonic()
        while lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"ROGUE").hex()).returncode:
            assert time.monotonic() - begun < 5
            time.sleep(0.1)
        assert program.wait(lambda: "D01" in program.rules())
        listener.kill()


@needs_root
@needs("ip")
def test_what_the_kernel_dropped_while_it_was_held_up_is_told(start: Callable[[], Program], lab: Wire) -> None:
    program = start()
    program.ready()
    data = frame(lab.far_ip, 40000, lab.near_ip, 11113, 1, 1, ACK, bytes(1448))
    program.process.send_signal(signal.SIGSTOP)
    with within(lab.namespace, lambda: raw_socket(lab.far)) as out:
        for _ in range(2 * limits.SENSOR_RING.default // len(data)):
            out.send(data)
    program.process.send_signal(signal.SIGCONT)
    lost = "packets lost by the capture"  # that the flow was joined midway is told as well
    assert program.wait(
        lambda: any(lost in each["alert"]["metadata"]["evidence"] for each in read_alerts(program.alerts))
    )
    assert set(program.rules()) == {"D43"}
    said = program.snapshot()
    while not said["dropped_packets"]:
        said = program.snapshot()
    assert program.wait(lambda: "SENSOR-BLIND" in program.log.read_text())


@needs_root
@needs("ip")
def test_a_link_that_flaps_is_told_and_watched_on(start: Callable[[], Program], lab: Wire) -> None:
    program = start()
    program.ready()
    for state in ("down", "up", "down", "up"):
        lab.inside("ip", "link", "set", lab.far, state, check=True)
        subprocess.run(["ip", "link", "set", lab.near, state], check=True)
    assert program.wait(lambda: "D43" in program.rules())
    said = program.log.read_text()  # which of both it is hangs on which end it looked at first
    assert any(f"the interface {lab.near} {what}" in said for what in ("went down", "lost its link")), said
    data = frame(lab.far_ip, 40000, lab.near_ip, 11113, 1, 1, ACK, associate(calling=b"ROGUE"))
    with within(lab.namespace, lambda: raw_socket(lab.far)) as out:
        assert program.wait(lambda: out.send(data) > 0 and "D01" in program.rules())


@needs_root
@needs("ip", "setpriv")
def test_without_the_capability_it_says_how_to_give_it(tmp_path: Path, lab: Wire) -> None:
    config = configuration(tmp_path, lab)
    command = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    command += [sys.executable, "-m", "appliance", "program", "sensor", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 77
    assert "CAP_NET_RAW" in done.stderr
    assert "AmbientCapabilities=CAP_NET_RAW" in done.stderr


# The same engine on a file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "appliance.toml"
    path.write_text(CONFIG.replace("RECIPIENT", "age1" + "q" * 58))
    return path


@pytest.fixture
def pcap(tmp_path: Path) -> Path:
    path = tmp_path / "strange.pcap"
    packets = recorded() + recorded("10.20.0.99", "10.20.0.50")
    path.write_bytes(classic([(now, bytes(data), length) for now, data, length, _ in packets]))
    return path


def test_a_capture_is_read_into_lines(pcap: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert appliance(["sensor", "--pcap", str(pcap), "--config", str(config), "--json"]) == 0
    *alerts, stats = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["alert"]["signature_id"] for each in alerts} == {"D02", "D03", "D11"}
    assert {each["in_iface"] for each in alerts} == {"strange.pcap"}
    assert stats["event_type"] == "stats"
    assert (stats["stats"]["associations"], stats["stats"]["commands"], stats["stats"]["blind"]) == (2, 8, 0)


def test_a_capture_that_is_cut_short_says_so(pcap: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pcap.write_bytes(pcap.read_bytes()[:-5])
    assert appliance(["sensor", "--pcap", str(pcap), "--config", str(config), "--json"]) == 0
    said = capsys.readouterr()
    assert "damaged or cut short" in said.err
    alerts = [json.loads(line) for line in said.out.splitlines()]
    assert [each["alert"]["signature_id"] for each in alerts if "cut short" in str(each)] == ["D43"]


def test_a_capture_is_shown_as_a_table(pcap: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert appliance(["sensor", "--pcap", str(pcap), "--config", str(config)]) == 0
    shown = capsys.readouterr().out
    for word in ("D03 high", "10.20.0.99", "10.20.0.50 port 104", "2 associations", "8 commands", "inspected"):
        assert word in " ".join(shown.split())


def test_a_quiet_capture_says_so(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "quiet.pcap"
    path.write_bytes(classic([(now, bytes(data), length) for now, data, length, _ in recorded()]))
    assert appliance(["sensor", "--pcap", str(path), "--config", str(config)]) == 0
    assert "No alerts." in capsys.readouterr().out


def test_our_own_address_in_a_capture_can_be_said(pcap: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace('"10.20.0.2:104"', '"[::]:104"'))
    found = []
    for more in ([], ["--own-address", "10.20.0.2"]):
        assert appliance(["sensor", "--pcap", str(pcap), "--config", str(config), "--json", *more]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        found.append({each["alert"]["signature_id"] for each in lines if each["event_type"] == "alert"})
    assert found == [{"D03"}, {"D02", "D03", "D11"}]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 70, "appliance run"),
        (["--pcap", "missing.pcap"], 65, "missing.pcap"),
        (["--pcap", "PCAP", "--own-address", "x"], 2, "no IP address"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], status: int, words: str, pcap: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(pcap) if each == "PCAP" else each for each in arguments]
    assert appliance(["sensor", *arguments, "--config", str(config)]) == status
    assert words in capsys.readouterr().err


def test_no_capture_of_bulk_data_is_too_long(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten thousand packets are read at a rate that a person can wait for."""
    packets = recorded()
    path = tmp_path / "long.pcap"
    path.write_bytes(classic([(now, bytes(data), length) for now, data, length, _ in packets] * 200))
    begun = time.process_time()
    assert appliance(["sensor", "--pcap", str(path), "--config", str(config), "--json"]) == 0
    count = json.loads(capsys.readouterr().out.splitlines()[-1])["stats"]["packets"]
    assert count == len(packets) * 200
    assert (time.process_time() - begun) / count < 0.0005


# The CAs of the site


@needs_root
@needs("ip", "openssl")
def test_the_cas_of_the_site_are_taken_up_when_they_come_and_when_they_change(tmp_path: Path, lab: Wire) -> None:
    site, other = Authority.create("Site CA"), Authority.create("Another CA")
    site.issue("pacs", ["pacs.example"], server=True).write(tmp_path / "crt", tmp_path / "key")
    ca = tmp_path / "site-ca.crt"
    path = configuration(tmp_path, lab)
    archive = (
        f'[[sensor.server]]\nname = "Archive"\naddresses = ["{lab.near_ip}"]\nae_titles = ["ARCH"]\nports = [2762]\n'
    )
    path.write_text(f'{path.read_text()}ca = "{ca}"\n{archive}')
    both = ("-cert", str(tmp_path / "crt"), "-key", str(tmp_path / "key"), "-tls1_2", "-quiet")
    server = subprocess.Popen(
        ("openssl", "s_server", "-accept", f"{lab.near_ip}:2762", *both), stdin=subprocess.DEVNULL
    )
    program = Program(tmp_path, path)

    def said() -> str:
        return str([each["alert"]["metadata"]["evidence"] for each in read_alerts(program.alerts)])

    def call(number: int) -> None:
        """A handshake that the sensor has seen to its end."""
        lab.inside("sh", "-c", f"openssl s_client -connect {lab.near_ip}:2762 -tls1_2 </dev/null", check=True)
        while program.snapshot()["tls"] < number:
            pass

    try:
        program.ready()
        assert program.wait(lambda: "nobody asks who signed certificates" in said())  # it watches all the same
        assert program.wait(lambda: connects(lab.near_ip, 2762))
        call(1)
        ca.write_bytes(site.certificate)
        assert program.wait(lambda: "certificates, keys or lists replaced" in program.log.read_text())
        assert program.wait(lambda: "the CAs of the site were changed" in said())
        call(2)
        ca.write_bytes(b"rubbish")
        assert program.wait(lambda: "CONFIG-REJECTED" in program.log.read_text())
        call(3)  # judged by those before
        assert "D17" not in program.rules()
        ca.write_bytes(other.certificate)
        assert program.wait(lambda: program.log.read_text().count("replaced") == 2)
        call(4)
        assert program.wait(lambda: FOREIGN in said())
    finally:
        program.close()
        server.kill()
        server.wait()


def connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 0.2).close()
    except OSError:
        return False
    return True


def test_a_capture_is_judged_by_the_cas_where_they_can_be_read(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape, ca = Tape(), tmp_path / "site-ca.crt"
    play(tape, talk(of(OTHER)))  # type: ignore[arg-type]
    capture = tmp_path / "tls.pcap"
    capture.write_bytes(classic([(now, bytes(data), length) for now, data, length, _ in tape.packets]))
    config.write_text(config.read_text().replace("[sensor]", f'[sensor]\nca = "{ca}"'))

    def rules() -> list[str]:
        assert appliance(["sensor", "--pcap", str(capture), "--config", str(config), "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        said = [each["alert"]["metadata"]["evidence"] for each in lines if each["event_type"] == "alert"]
        return [each for each in said if FOREIGN in each]

    assert appliance(["sensor", "--pcap", str(capture), "--config", str(config)]) == 0
    assert "Who signed certificates is not looked at" in capsys.readouterr().err
    assert rules() == []
    for authority, spoke in ((OTHER, []), (SITE, [f"the certificate of the server {FOREIGN}"])):
        ca.write_bytes(authority.certificate)
        assert rules() == spoke


# Evidence


@needs_root
@needs("ip", "tshark")
def test_evidence_of_a_stranger_is_sealed_and_read_elsewhere(
    tmp_path: Path, lab: Wire, server: None, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = generate_identity()
    path = configuration(tmp_path, lab)
    path.write_text(path.read_text() + f'evidence_recipients = ["{identity.recipient}"]\n')
    program = Program(tmp_path, path)
    try:
        program.ready()
        lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"ROGUE").hex(), check=True)
        assert program.wait(lambda: "D01" in program.rules())
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(5) == 0
    finally:
        program.close()
    assert appliance(["evidence", "list", "--json", "--config", str(path)]) == 0
    (kept,) = json.loads(capsys.readouterr().out)
    sealed, key, clear = Path(kept["file"]), tmp_path / "key", tmp_path / "case.pcapng"
    assert b"ROGUE" not in sealed.read_bytes()
    assert not [each for each in (tmp_path / "state").rglob("*pcap*") if b"ROGUE" in each.read_bytes()]
    assert appliance(["evidence", "list", "--config", str(path)]) == 0
    assert sealed.name[:15] in capsys.readouterr().out
    key.write_text(identity.export() + "\n")
    key.chmod(0o400)
    assert appliance(["evidence", "open", "-i", str(key), "-o", str(clear), str(sealed)]) == 0
    assert clear.stat().st_mode & 0o777 == 0o600
    command = [
        "tshark",
        "-r",
        str(clear),
        "-d",
        "tcp.port==11113,dicom",
        "-T",
        "fields",
        "-e",
        "dicom.assoc.ae.calling",
    ]
    assert "ROGUE" in subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert appliance(["evidence", "open", "-i", str(key), "-o", str(clear), str(sealed)]) == 70  # never overwritten


@needs_root
@needs("ip")
def test_evidence_is_kept_from_the_reload_on_that_asks_for_it(tmp_path: Path, lab: Wire, server: None) -> None:
    identity = generate_identity("classical")
    path = configuration(tmp_path, lab)
    before = path.read_text()
    program = Program(tmp_path, path)
    kept = tmp_path / "state" / "alerts" / "evidence"

    def reload(text: str, word: str, times: int) -> None:
        path.write_text(text)
        program.process.send_signal(signal.SIGHUP)
        assert program.wait(lambda: program.log.read_text().count(word) >= times)

    try:
        program.ready()
        lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"FIRST").hex(), check=True)
        assert program.wait(lambda: "D01" in program.rules())
        right = str(identity.recipient)
        wrong = right[:-1] + ("q" if right[-1] != "q" else "p")
        broken = before + f'evidence_recipients = ["{wrong}"]\n'
        reload(broken, "CONFIG-REJECTED", 1)
        reload(before + f'evidence_recipients = ["{identity.recipient}"]\n', "CONFIG-LOADED", 1)
        lab.inside(sys.executable, "-c", TALK, lab.near_ip, associate(calling=b"SECOND").hex(), check=True)
        assert program.wait(lambda: program.snapshot()["associations"] == 2)
        reload(before, "CONFIG-LOADED", 2)  # what waits is written before it ends
        assert program.wait(lambda: kept.is_dir() and len(list(kept.iterdir())) == 1)
    finally:
        program.close()
    (sealed,) = kept.iterdir()
    clear = b"".join(map(bytes, Opening(io.BytesIO(sealed.read_bytes()), [identity])))  # type: ignore[arg-type]
    assert b"SECOND" in clear and b"FIRST" not in clear


def test_evidence_goes_to_nobody_who_opens_images(tmp_path: Path) -> None:
    recipient = "age1" + "q" * 58
    text = CONFIG.replace("RECIPIENT", recipient) + f'evidence_recipients = ["{recipient}"]\n'
    with pytest.raises(ConfigErrors, match="evidence has a key of its own"):
        parse_config(text.encode())
