"""Set-up on machines of many kinds. The script is the real one; apt-get, sudo, pip, npm and the machine are stand-ins
that write down how they were called.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.units.machine import REPOSITORY

REAL = (
    "bash",
    "sh",
    "cat",
    "cp",
    "dirname",
    "echo",
    "env",
    "find",
    "flock",
    "mkdir",
    "mv",
    "rm",
    "sha256sum",
    "xargs",
    "chmod",
)
TOOLS = (
    "gcc",
    "pkg-config",
    "storescu",
    "age",
    "openssl",
    "ip",
    "nmap",
    "tcpdump",
    "tshark",
    "nft",
    "dtc",
    "debugfs",
    "qemu-system-x86_64",
    "vi",
    "zsh",
    "fish",
    "node",
    "npm",
    *("hping3", "arpspoof", "dnsmasq", "curl"),
)

# Says yes to everything; `.venv` gets a Python of the same kind.
PYTHON = """#!/bin/sh
case "$*" in
"-c import sys; sys.exit"*) exec {real} -c "import sys; sys.exit($OLD_PYTHON)" ;;
"-c import venv, ensurepip"|"-c import venv") exit $NO_ENSUREPIP ;;
"-c import sysconfig"*) echo "$STAND_INS" ;;
--version) echo "Python 3.11.2" ;;
-c*) exit 0 ;;
"-m venv --clear .venv")
  echo "venv" >>"$CALLS"; mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/pip ;;
*) echo "pip $*" >>"$CALLS" ;;
esac
"""
# Installs by making the command appear, except for packages that the archive does not have.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$CALLS"
case " $* " in *" $APT_LACKS "*) exit 100 ;; esac
case " $* " in
*" -s install "*) for each in libc6 locales libjsoncpp25 libssl-dev; do echo "Inst $each (1 [amd64])"; done
  for each; do case "$each" in orthanc | prometheus | rsyslog*)
    echo "Inst $each (1 [amd64])"; echo "Conf $each (1 [amd64])" ;; esac; done; exit ;;
*" download "*) for package; do case "$package" in [opr][rs]* | lib*) echo >"$package.deb" ;; esac; done; exit ;;
esac
for package; do
  case "$package" in dcmtk) make=storescu ;; age) make=age ;; *) continue ;; esac
  cp "$STAND_INS/openssl" "$STAND_INS/$make"
done
"""
SUDO = """#!/bin/sh
[ "$1" = -n ] && { [ "$SUDO_ASKS" = no ]; exit; }
echo "sudo $3" >>"$CALLS"; exec "$@"
"""
# Unpacks what runs, or not.
DPKG = """#!/bin/sh
echo "dpkg $1 ${2##*/}" >>"$CALLS"
mkdir -p "$3/usr/sbin" "$3/usr/bin"
case "$2" in
*prometheus*) cp "$STAND_INS/Orthanc" "$3/usr/bin/promtool"; echo >"$3/usr/bin/prometheus" ;;
*orthanc*) cp "$STAND_INS/Orthanc" "$3/usr/sbin/Orthanc" ;;
esac
"""
NPM = """#!/bin/sh
echo "npm $*" >>"$CALLS"; cd build/npm && mkdir -p node_modules/age-encryption node_modules/cctv-age node_modules/s3rver
"""


ORTHANC = "orthanc orthanc-dicomweb"
SERVICES = "prometheus rsyslog rsyslog-openssl rsyslog-gnutls haproxy keepalived"
NONE = "no promtool\nno rsyslogd\nno haproxy\nno keepalived\nno TLS in rsyslog"


class Clone:
    """A clone with set-up in it, on a machine made of stand-ins."""

    def __init__(self, path: Path, without: tuple[str, ...] = ()) -> None:
        self.path = path / "clone"
        self.stand_ins = path / "bin"
        self.calls_file = path / "calls"
        (self.path / ".ci").mkdir(parents=True)
        shutil.copy(REPOSITORY / ".ci/setup", self.path / ".ci/setup")
        (self.path / "pyproject.toml").write_text("[project]\n")
        self.stand_ins.mkdir()
        for name in REAL:
            found = shutil.which(name, path="/usr/bin:/bin")
            assert found, name
            (self.stand_ins / name).symlink_to(found)
        for name in TOOLS:
            if name not in without:
                self.stand_in(name, "#!/bin/sh\n")
        (self.stand_ins / "Python.h").touch()
        self.stand_in("python3", PYTHON.format(real=sys.executable))
        self.stand_in("apt-get", APT_GET)
        self.stand_in("npm", NPM)
        self.stand_in("dpkg", DPKG)
        self.stand_in("Orthanc", "#!/bin/sh\nexit $ORTHANC_FAILS\n")
        self.stand_in("grep", "#!/bin/sh\necho 'VERSION_ID=\"12\"'\n")
        self.stand_in("ls", "#!/bin/sh\nexit 2\n")  # no plugin of Orthanc is installed
        self.orthanc = self.path / "build/orthanc"
        self.services = self.path / "build/services"
        for made, was in (
            (self.orthanc, f"{self.stand_ins}/Orthanc\n{ORTHANC}"),
            (self.services, f"{NONE}\n{SERVICES}"),
        ):
            made.mkdir(parents=True)
            (made / "made-for").write_text(f'VERSION_ID="12"\n{was}\n')
        self.stand_in("id", '#!/bin/sh\necho "$FAKE_UID"\n')

    def stand_in(self, name: str, script: str) -> None:
        (self.stand_ins / name).write_text(script)
        (self.stand_ins / name).chmod(0o755)

    def set_up(self, *arguments: str, uid: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run set-up; `calls` then holds what it called, this time only."""
        self.calls_file.write_text("")
        defaults = {"OLD_PYTHON": "0", "NO_ENSUREPIP": "0", "APT_LACKS": "-", "SUDO_ASKS": "yes", "ORTHANC_FAILS": "0"}
        return subprocess.run(
            [self.stand_ins / "bash", ".ci/setup", *arguments],
            cwd=self.path,
            env={
                **defaults,
                **environment,
                "PATH": str(self.stand_ins),
                "FAKE_UID": str(uid),
                "STAND_INS": str(self.stand_ins),
                "CALLS": str(self.calls_file),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines()

    def called(self, start: str) -> list[str]:
        return [call for call in self.calls if call.startswith(start)]


pytestmark = pytest.mark.skipif(not os.path.exists("/usr/include/stdio.h"), reason="no C headers on this machine")


def test_what_is_missing_is_said_and_installed(tmp_path: Path) -> None:
    clone = Clone(tmp_path, without=("storescu", "age"))
    done = clone.set_up()
    assert done.returncode == 0, done.stderr
    assert "dcmtk           the modality and the upstream of the demo" in done.stderr
    (install,) = clone.called("apt-get -q -o DPkg::Lock::Timeout=300 install")
    assert install.endswith("-y --no-install-recommends dcmtk age")
    assert clone.calls.index(install) > 0, "the package lists are fetched first"


def test_nothing_missing_means_no_apt(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    done = clone.set_up()
    assert done.returncode == 0, done.stderr
    assert not clone.called("apt-get")
    assert clone.calls == [
        "venv",
        "pip -m pip install -q --no-input --disable-pip-version-check -e .[dev]",
        "npm install --prefix build/npm --no-audit --no-fund --loglevel=error "
        "age-encryption@^0.3 cctv-age@^0.2 s3rver@^3.7",
    ]


def test_a_second_time_there_is_nothing_to_do_or_say(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    clone.set_up()
    for arguments in ((), ("--if-needed",)):
        again = clone.set_up(*arguments)
        assert (again.returncode, again.stderr, clone.calls) == (0, "", [])


def test_a_plain_user_gets_sudo_where_it_does_not_ask(tmp_path: Path) -> None:
    clone = Clone(tmp_path, without=("storescu",))
    clone.stand_in("sudo", SUDO)
    assert clone.set_up(uid=1000, SUDO_ASKS="no").returncode == 0
    assert len(clone.called("sudo apt-get")) == 2
    assert (clone.stand_ins / "storescu").exists()


@pytest.mark.parametrize("sudo", [False, True], ids=["no-sudo", "sudo-that-asks"])
def test_a_plain_user_without_sudo_is_told_what_to_ask_for_and_goes_on(tmp_path: Path, sudo: bool) -> None:
    clone = Clone(tmp_path, without=("storescu",))
    if sudo:
        clone.stand_in("sudo", SUDO)
    done = clone.set_up(uid=1000)
    assert done.returncode == 0
    assert "  apt-get update && apt-get install -y --no-install-recommends dcmtk\n" in done.stderr
    assert not clone.called("apt-get")
    assert clone.called("pip")
    again = clone.set_up("--if-needed", uid=1000)
    assert (again.returncode, again.stderr, clone.calls) == (0, "", [])
    assert "dcmtk" in clone.set_up(uid=1000).stderr, "make setup tells it again"


def test_what_the_archive_lacks_does_not_keep_the_rest_away(tmp_path: Path) -> None:
    clone = Clone(tmp_path, without=("storescu", "age"))
    done = clone.set_up(APT_LACKS="dcmtk")
    assert done.returncode == 0
    assert "could not install dcmtk" in done.stderr
    assert (clone.stand_ins / "age").exists()
    clone.set_up("--if-needed", APT_LACKS="dcmtk")
    assert not clone.called("apt-get"), "not again today"


def test_orthanc_is_unpacked_with_the_libraries_that_are_missing_and_never_installed(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    shutil.rmtree(clone.orthanc)
    done = clone.set_up(uid=1000)
    assert done.returncode == 0
    assert "unpacking Orthanc" in done.stderr
    assert clone.called("apt-get") == [
        "apt-get -q -s install --no-install-recommends orthanc orthanc-dicomweb",
        "apt-get -q download libjsoncpp25 orthanc",
    ]
    assert clone.called("dpkg") == ["dpkg -x libjsoncpp25.deb", "dpkg -x orthanc.deb"]
    assert (clone.orthanc / "usr/sbin/Orthanc").exists()
    assert not (clone.orthanc / "packages").exists()
    again = clone.set_up(uid=1000)
    assert (again.returncode, again.stderr, clone.calls) == (0, "", [])


def test_services_of_the_tests_are_unpacked_and_what_nobody_needs_of_them_is_left_out(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    shutil.rmtree(clone.services)
    done = clone.set_up(uid=1000)
    assert done.returncode == 0
    assert "unpacking promtool, rsyslog, haproxy and keepalived" in done.stderr
    assert clone.called("apt-get") == [
        f"apt-get -q -s install --no-install-recommends {SERVICES}",
        "apt-get -q download libjsoncpp25 prometheus rsyslog rsyslog-openssl rsyslog-gnutls",
    ]
    assert (clone.services / "usr/bin/promtool").exists()
    assert not (clone.services / "usr/bin/prometheus").exists()
    again = clone.set_up(uid=1000)
    assert (again.returncode, again.stderr, clone.calls) == (0, "", [])


def test_a_machine_with_the_services_gets_none_of_them(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    shutil.rmtree(clone.services)
    for name in ("promtool", "rsyslogd", "haproxy", "keepalived"):
        clone.stand_in(name, "#!/bin/sh\n")
    clone.stand_in("ls", "#!/bin/sh\ncase $1 in *Orthanc*) exit 2 ;; esac\n")  # the TLS drivers of rsyslog
    done = clone.set_up()
    assert (done.returncode, done.stderr.count("unpacking"), clone.services.exists()) == (0, 0, False)


def test_lists_of_its_own_where_the_machine_has_none(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    shutil.rmtree(clone.orthanc)
    # Only with lists of its own does this machine know a package.
    clone.stand_in(
        "apt-get", APT_GET.replace("case", 'case "$*" in *Dir::State::Lists=*) ;; *) exit 100 ;; esac\ncase', 1)
    )
    assert clone.set_up(uid=1000).returncode == 0
    refused, update, plan, download = clone.called("apt-get")
    assert f"Dir::State::Lists={clone.path}/build/orthanc.part/apt/lists " in update and update.endswith(" update")
    assert "Dir::State" not in refused and plan.endswith("orthanc-dicomweb") and download.endswith("orthanc")
    assert not (clone.orthanc / "apt").exists() and (clone.orthanc / "usr").exists()


@pytest.mark.parametrize("trouble", [{"ORTHANC_FAILS": "1"}, {"APT_LACKS": "orthanc"}], ids=["does-not-run", "lacks"])
def test_no_orthanc_is_said_and_keeps_nothing_else_away(tmp_path: Path, trouble: dict[str, str]) -> None:
    clone = Clone(tmp_path)
    shutil.rmtree(clone.orthanc)
    done = clone.set_up(**trouble)
    assert done.returncode == 0
    assert "without orthanc (see .setup/orthanc.log)" in done.stderr
    assert clone.called("pip")
    assert not clone.orthanc.exists() and not (clone.path / "build/orthanc.part").exists()
    again = clone.set_up("--if-needed", **trouble)
    assert (again.stderr, clone.calls) == ("", []), "not again today"


def test_another_release_has_orthanc_unpacked_anew(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    (clone.orthanc / "usr").mkdir()
    (clone.orthanc / "usr/stale").touch()
    clone.stand_in("grep", "#!/bin/sh\necho 'VERSION_ID=\"13\"'\n")
    assert "unpacking Orthanc" in clone.set_up().stderr
    assert not (clone.orthanc / "usr/stale").exists()


def test_a_changed_project_file_refreshes_the_environment(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    clone.set_up()
    (clone.path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    clone.set_up("--if-needed")
    assert [call.split()[0] for call in clone.calls] == ["pip"]


def test_a_moved_clone_refreshes_the_environment(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    clone.set_up()
    clone.path = clone.path.rename(tmp_path / "elsewhere")
    clone.set_up("--if-needed")
    assert [call.split()[0] for call in clone.calls] == ["pip"]


def test_a_failed_installation_is_not_taken_for_done(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    clone.set_up()
    (clone.path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    python = clone.path / ".venv/bin/python"
    working = python.read_text()
    python.write_text(working.replace('*) echo "pip $*" >>"$CALLS"', "*) exit 1"))
    assert clone.set_up("--if-needed").returncode == 1
    python.write_text(working)
    assert clone.set_up("--if-needed").returncode == 0
    assert clone.called("pip")


def test_an_old_python_is_named(tmp_path: Path) -> None:
    done = Clone(tmp_path).set_up(OLD_PYTHON="1")
    assert done.returncode == 1
    assert "Python 3.11 or later is needed; found: Python 3.11.2." in done.stderr


def test_no_environment_without_ensurepip(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    done = clone.set_up(uid=1000, NO_ENSUREPIP="1")
    assert done.returncode == 1
    assert "install -y --no-install-recommends python3-venv" in done.stderr
    assert "Nothing works without." in done.stderr


def test_other_arguments_are_refused(tmp_path: Path) -> None:
    assert Clone(tmp_path).set_up("--help").returncode == 64


def test_the_makefile_lists_what_it_can_do() -> None:
    listed = subprocess.run(["make", "-s"], cwd=REPOSITORY, capture_output=True, text=True, timeout=10)
    targets = [line.split()[1] for line in listed.stdout.splitlines()]
    daily = ["help", "setup", "install", "uninstall", "demo", "test", "check"]
    benches = [
        "bench-receive",
        "bench-deliver",
        "bench-queue",
        "bench-hostile",
        "bench-vault",
        "sensor-lab",
        "bench-sensor",
        "bench-idle",
        "reload-storm",
        "man",
        "fuzz",
        "delivery-faults",
        "crash-states",
        "kills",
        "power-cut",
        "vm-test",
    ]
    assert targets == [*daily, "conformance", *benches, "clean", "fresh-test"]
