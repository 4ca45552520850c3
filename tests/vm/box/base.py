"""The guest's system below the appliance: Debian 13 for arm64 and the Python packages that the appliance needs.

Owns the tree and its disk, both below build/vm and made once: they are made anew when a list here or the dependencies
of the appliance change. No maintainer script runs, so what those would do and a guest needs is done here.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from tests.vm.box import pyc
from tests.vm.debian import BUILD, SUITE, Archive
from tests.vm.disk import file_system
from tests.vm.python_tree import REPOSITORY

ARCHITECTURE = "arm64"
PYTHON = "3.13"
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "kmod", "mount", "util-linux", "procps", "iproute2", "nftables"),
    "e2fsprogs",
    *("base-files", "base-passwd", "libc-bin", "login", "passwd", "libpam-runtime"),
    *("bash", "coreutils", "dash", "findutils", "grep", "mawk", "sed", "python3", "python3-systemd"),
)
WHEELS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
SITE = f"usr/local/lib/python{PYTHON}/dist-packages"
_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/i18n", "usr/share/perl5", "var/lib/dpkg")
_ROOM = 768 << 20  # bytes that the guest may write


def disk() -> Path:
    """The guest's root file system; whoever starts it discards what it writes."""
    made_for = hashlib.sha256(repr((PACKAGES, WHEELS, SUITE, requirements(), Path(__file__).read_text())).encode())
    image, mark = BUILD / "box.img", BUILD / "box.made-for"
    if not (image.exists() and mark.exists() and mark.read_text() == made_for.hexdigest()):
        mark.unlink(missing_ok=True)
        tree = BUILD / "box.part"
        shutil.rmtree(tree, ignore_errors=True)
        _make(tree)
        size = sum(path.lstat().st_size + 4096 for path in tree.rglob("*"))
        file_system(image, size * 5 // 4 + _ROOM, tree)
        shutil.rmtree(tree)
        mark.write_text(made_for.hexdigest())
    return image


def requirements() -> list[str]:
    """What the appliance depends on, on such a machine."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = map(Requirement, project["dependencies"])
    machine = {"platform_machine": "aarch64", "python_version": PYTHON, "sys_platform": "linux"}
    return [f"{each.name}{each.specifier}" for each in wanted if not each.marker or each.marker.evaluate(machine)]


def _make(tree: Path) -> None:
    archive = Archive(ARCHITECTURE)
    archive.unpack(archive.closure(PACKAGES), tree)
    for each in _LEFT_OUT:
        shutil.rmtree(tree / each, ignore_errors=True)
    _accounts(tree)
    _files(tree)
    _python(tree / SITE)
    pyc.compiled(tree, f"usr/lib/python{PYTHON}", "usr/lib/python3/dist-packages", SITE)


def _accounts(tree: Path) -> None:
    """Debian's own accounts, none with a password."""
    for name in ("passwd", "group"):
        shutil.copy(tree / f"usr/share/base-passwd/{name}.master", tree / f"etc/{name}")
    for name, shadow in (("passwd", "shadow"), ("group", "gshadow")):
        rest = ":20000::::::" if name == "passwd" else "::"
        users = [line.partition(":")[0] for line in (tree / f"etc/{name}").read_text().splitlines()]
        (tree / f"etc/{shadow}").write_text("".join(f"{user}:*{rest}\n" for user in users))
        (tree / f"etc/{shadow}").chmod(0o640)


def _files(tree: Path) -> None:
    # A machine with an identity: else systemd takes its first boot for an installation and enables all that is there.
    (tree / "etc/machine-id").write_text(hashlib.sha256(b"box").hexdigest()[:32] + "\n")
    (tree / "etc/hostname").write_text("edge01\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 edge01\n")
    (tree / "etc/fstab").write_text("")
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    (tree / "etc/resolv.conf").write_text("")


def _python(site: Path) -> None:
    """Wheels of the other architecture, which pip can unpack on this one."""
    platforms = [word for wheel in WHEELS for word in ("--platform", wheel)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON, *platforms]
    done = subprocess.run([*command, "--target", site, *requirements()], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"pip: {done.stderr.strip()[-600:]}")
