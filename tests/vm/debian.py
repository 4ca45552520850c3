"""Debian packages of another release or architecture, fetched and unpacked without being installed.

Owns an apt state of its own below `build/vm`, so that the machine's is neither read nor written: no root is needed. The
archive is the one that this machine uses. Runs nothing of what it unpacks.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build/vm"
SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Archive:
    """One architecture of the release."""

    def __init__(self, architecture: str, suite: str = SUITE) -> None:
        self._state = BUILD / f"apt-{suite}-{architecture}"
        self._options = self._settings(architecture, suite)
        if not (self._state / "updated").exists():
            self._apt("update")
            (self._state / "updated").touch()

    def _settings(self, architecture: str, suite: str) -> list[str]:
        state = self._state
        for directory in ("lists/partial", "cache/archives/partial", "parts", "packages"):
            (state / directory).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        base = mirror().rstrip("/")
        signed = f"[arch={architecture} signed-by={KEYRING}]"
        lines = [f"deb {signed} {base} {name} main" for name in (suite, f"{suite}-updates")]
        lines.append(f"deb {signed} {base}-security {suite}-security main")
        (state / "sources.list").write_text("\n".join(lines) + "\n")
        values = {
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "Dir::State::Lists": state / "lists",
            "Dir::State::status": state / "status",
            "Dir::Cache": state / "cache",
            "Dir::Etc::SourceList": state / "sources.list",
            "Dir::Etc::SourceParts": state / "parts",
            "Dir::Etc::PreferencesParts": state / "parts",
            "Debug::NoLocking": "true",
        }
        return [part for name, value in values.items() for part in ("-o", f"{name}={value}")]

    def _apt(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["apt-get", "-q", *self._options, *arguments],
            cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"apt-get {' '.join(arguments)[:80]}: {done.stderr.strip()[-600:]}")
        return done.stdout

    def closure(self, packages: Iterable[str]) -> list[str]:
        """The packages, and all that they depend on, on a machine that has nothing."""
        return re.findall(r"^Inst (\S+)", self._apt("-s", "install", *packages), re.MULTILINE)

    def unpack(self, packages: Iterable[str], into: Path) -> None:
        """Fetch just these (what is there already is not fetched again) and unpack them."""
        packages = list(packages)
        store = self._state / "packages"
        self._apt("download", *packages, cwd=store)
        into.mkdir(parents=True, exist_ok=True)
        for package in packages:
            # The newest: an archive that moved on has left older ones behind.
            file = max(store.glob(f"{package.split(':')[0]}_*.deb"), key=lambda path: path.stat().st_mtime)
            subprocess.run(["dpkg-deb", "-x", file, into], check=True)


def mirror() -> str:
    """The archive that this machine's own release comes from: its address without the suite."""
    suite = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    lines = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for address, name, component in (line.split() for line in lines if len(line.split()) == 3):
        if suite and name == suite[1] and component == "main":
            return address
    raise RuntimeError("this machine's apt knows no Debian archive: run apt-get update")
