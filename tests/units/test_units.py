"""The unit files are what systemd understands, and each program is held to what DESIGN.md section 2 lets it do."""

from __future__ import annotations

import configparser
import re
import stat
import subprocess
from pathlib import Path

import pytest

from appliance.cli.gather import HIDDEN_FROM_SENSOR
from appliance.programs.panel import name_alarm_lamp
from tests.units.machine import PLACES, REPOSITORY, UNITS, run, tool

NAMES = sorted(path.name for pattern in ("*.target", "*.socket", "*.service") for path in UNITS.glob(pattern))
SERVICES = [name for name in NAMES if name.endswith(".service")]
ALARM = "appliance-alarm.service"
FILES = "appliance-files.service"
PROGRAMS = [name for name in SERVICES if name not in (ALARM, FILES)]


def service(name: str) -> dict[str, str]:
    """The [Service] section of a unit; of keys that repeat, the last (enough for what is asked here)."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNITS / name)
    return dict(parser["Service"])


def test_check_knows_what_is_closed_to_the_sensor() -> None:
    closed = {each.lstrip("-") for each in service("appliance-sensor.service")["InaccessiblePaths"].split()}
    assert set(map(str, HIDDEN_FROM_SENSOR)) == {each for each in closed if each.startswith("/etc/")}


def test_systemd_accepts_every_unit(root: Path) -> None:
    # Without --recursive-errors=no an unknown key is only a warning with status 0.
    verified = run(tool("systemd-analyze"), "verify", f"--root={root}", "--recursive-errors=no", "--man=no", *NAMES)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_verification_would_notice_an_unknown_key(root: Path) -> None:
    unit = root / "usr/lib/systemd/system/appliance-panel.service"
    unit.write_text(unit.read_text().replace("NoNewPrivileges=", "NoNewPrivilege="))
    verified = run(tool("systemd-analyze"), "verify", f"--root={root}", "--recursive-errors=no", "--man=no", unit.name)
    assert verified.returncode != 0
    assert "NoNewPrivilege" in verified.stderr


def test_every_file_has_a_place() -> None:
    placed = {path for pattern in PLACES for path in UNITS.glob(pattern)}
    assert {path for path in UNITS.rglob("*") if path.is_file()} - placed == {UNITS / "README.md", UNITS / "install"}


BEGUN = [
    "appliance-forward.service",
    "appliance-panel.service",
    "appliance-receive.service",
    "appliance-receive.socket",
]


def test_enabling_the_target_enables_what_every_box_needs(root: Path) -> None:
    enabled = run(tool("systemctl"), f"--root={root}", "enable", "appliance.target")
    assert enabled.returncode == 0, enabled.stderr
    wanted = root / "etc/systemd/system/appliance.target.wants"
    assert sorted(link.name for link in wanted.iterdir()) == BEGUN


def test_every_service_is_enabled_or_said_not_to_be(root: Path) -> None:
    preset = (UNITS / "system-preset/80-appliance.preset").read_text().splitlines()
    listed = [line.split()[1] for line in preset if line and not line.startswith("#")]
    assert sorted(listed) == NAMES
    applied = run(tool("systemctl"), f"--root={root}", "preset", *NAMES)
    assert applied.returncode == 0, applied.stderr
    wanted = root / "etc/systemd/system/appliance.target.wants"
    assert sorted(link.name for link in wanted.iterdir()) == BEGUN


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_has_a_user_of_its_own(name: str) -> None:
    program = name.removeprefix("appliance-").removesuffix(".service")
    settings = service(name)
    assert settings["User"] == settings["Group"] == f"appliance-{program}"
    assert f" program {program} " in settings["ExecStart"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_program_leaves_memory_on_a_disk(name: str) -> None:
    settings = service(name)
    assert (settings["LimitCORE"], settings["MemorySwapMax"]) == ("0", "0")


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_in_an_environment(name: str) -> None:
    assert not {"Environment", "EnvironmentFile", "PassEnvironment"} & set(service(name))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_keeps_the_umask_of_its_unit(name: str) -> None:
    # receive's files must stay group-writable, or the kernel lets nobody else link them (fs.protected_hardlinks).
    program = name.removeprefix("appliance-").removesuffix(".service")
    source = (REPOSITORY / f"appliance/programs/{program}.py").read_text()
    for umask in re.findall(r"os\.umask\(0o(\d+)\)", source):
        assert f"0{umask}" == service(name)["UMask"]


def test_only_forward_is_handed_an_identity() -> None:
    handed = {name for name in SERVICES if "LoadCredential=identity" in (UNITS / name).read_text()}
    assert handed == {"appliance-forward.service"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_finds_its_files_handed_over(name: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.read(UNITS / name)
    assert FILES in parser["Unit"]["Wants"].split() and FILES in parser["Unit"]["After"].split()
    assert service(FILES)["ExecStart"].endswith("systemd-tmpfiles --create appliance.conf")


def test_sensor_and_respond_have_one_capability_each_and_no_other_program_has_any() -> None:
    capable = {name: service(name)["CapabilityBoundingSet"] for name in (*PROGRAMS, ALARM)}
    assert capable.pop("appliance-sensor.service") == "CAP_NET_RAW"
    assert capable.pop("appliance-respond.service") == "CAP_NET_ADMIN"
    assert set(capable.values()) == {""}


def test_units_are_plain_files() -> None:
    assert not [name for name in NAMES if (UNITS / name).stat().st_mode & stat.S_IXUSR]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_gives_up_lights_the_alarm_lamp(name: str) -> None:
    assert f"OnFailure={ALARM}\n" in (UNITS / name).read_text()


def one_liner(text: str, key: str) -> str:
    """The shell code of a line of a unit."""
    (found,) = re.findall(rf"^{key}=\+?/bin/sh -c '(.*)'$", text, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize(
    ("unit", "key", "result", "lit"),
    [
        (ALARM, "ExecStart", "", True),
        ("appliance-panel.service", "ExecStopPost", "signal", True),
        ("appliance-panel.service", "ExecStopPost", "success", False),
    ],
)
def test_the_lamp_is_lit_without_python(unit: str, key: str, result: str, lit: bool, tmp_path: Path) -> None:
    code = one_liner((UNITS / unit).read_text(), key).replace("/sys/class/leds", str(tmp_path / "leds"))
    code = code.replace("/run/appliance", str(tmp_path))
    alone = subprocess.run(["sh", "-c", code], env={"SERVICE_RESULT": result}, capture_output=True, check=False)
    assert (alone.returncode, alone.stderr) == (0, b"")  # on a board without lamps
    triggers = {
        name: tmp_path / name / "trigger" for name in ("leds/edge:red:alarm", "leds/edge:green:ready", "leds/PWR")
    }
    triggers |= {name: tmp_path / name / "trigger" for name in ("leds/edge:red:alarm/device", "elsewhere")}

    def light(named: str | None = None) -> set[str]:
        """Those that blink afterwards."""
        for trigger in triggers.values():
            trigger.parent.mkdir(parents=True, exist_ok=True)
            trigger.write_text("[none] timer\n")
        if named is not None:
            name_alarm_lamp(tmp_path, named)
        done = subprocess.run(["sh", "-c", code], env={"SERVICE_RESULT": result}, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        return {name for name, trigger in triggers.items() if trigger.read_text() == "timer\n"}

    alarm = {"leds/edge:red:alarm"} if lit else set()
    assert light() == alarm
    assert light("PWR") == (alarm | {"leds/PWR"} if lit else alarm)
    for elsewhere in ("../elsewhere", "edge:red:alarm/device", "", "nothing", ".."):
        assert light(elsewhere) == alarm, "the panel cannot have root write anywhere else"


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_is_given_up_for_being_started_too_often(name: str) -> None:
    assert "\nStartLimitIntervalSec=0\n" in (UNITS / name).read_text().partition("[Service]")[0]


def test_metrics_are_taken_on_loopback_for_the_panel() -> None:
    text = (UNITS / "appliance-panel-metrics.socket").read_text()
    assert "ListenStream=127.0.0.1:9465\n" in text
    assert "FileDescriptorName=metrics\n" in text
    assert "Service=appliance-panel.service\n" in text
    # Enabled beside a panel that runs, it is opened when that one is restarted.
    assert "WantedBy=appliance-panel.service\n" in text


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".socket")])
def test_no_socket_waits_for_a_program_that_has_no_configuration(name: str) -> None:
    assert "ConditionPathExists=/etc/appliance/appliance.toml\n" in (UNITS / name).read_text()


def test_the_panel_has_no_network_of_its_own() -> None:
    settings = service("appliance-panel.service")
    assert (settings["PrivateNetwork"], settings["RestrictAddressFamilies"]) == ("yes", "AF_UNIX")
