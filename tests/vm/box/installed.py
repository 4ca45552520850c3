"""What is put upon the base: the appliance with its units as systemd/README.md has them, and the tests' agent.

Owns the list of files; where they come from is the repository as it is now.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.units.machine import PLACES, UNITS
from tests.vm.box import agent, pyc
from tests.vm.box.base import SITE
from tests.vm.python_tree import REPOSITORY

COMMAND = """\
#!/usr/bin/python3
import sys

from appliance.__main__ import main

sys.exit(main())
"""
AGENT = """\
[Unit]
Description=Hands of the tests
DefaultDependencies=no
[Service]
ExecStart=/usr/bin/python3 -u /usr/local/lib/box/agent.py
[Install]
WantedBy=sysinit.target
"""
# Emulated processors that others share: what takes half a second on a board may take a minute here.
SLOW = """\
[Service]
TimeoutStartSec=5min
"""
# What a guest without a person, and with its modules loaded already, need not spend its slow processor on.
MASKED = (
    *(
        "systemd-hwdb-update.service",
        "ldconfig.service",
        "getty.target",
        "systemd-firstboot.service",
        "e2scrub_all.timer",
    ),
    *("modprobe@configfs.service", "modprobe@drm.service", "modprobe@fuse.service", "sys-fs-fuse-connections.mount"),
    *("sys-kernel-config.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount", "systemd-random-seed.service"),
    *(
        "systemd-journal-catalog-update.service",
        "systemd-networkd.service",
        "systemd-timesyncd.service",
        "fstrim.timer",
    ),
)
FIRMWARE = {
    "60-appliance-leds.rules": "usr/lib/udev/rules.d",
    "60-appliance-sysctl.conf": "etc/sysctl.d",
    "appliance-journald.conf": "etc/systemd/journald.conf.d",
    "respond.toml": "etc/appliance",
}


def files(work: Path, etc: Path) -> dict[str, tuple[int, bytes]]:
    """Path -> (mode, content), as an archive for the guest takes it; `etc` is its /etc/appliance."""
    tree = work / "installed"
    shutil.copytree(REPOSITORY / "appliance", tree / SITE / "appliance", ignore=shutil.ignore_patterns("__pycache__"))
    pyc.compiled(tree, f"{SITE}/appliance")
    for pattern, place in PLACES.items():
        for path in UNITS.glob(pattern):
            _put(tree / place / path.name, path.read_text())
    for name, place in FIRMWARE.items():
        _put(tree / place / name, (REPOSITORY / "firmware-config" / name).read_text())
    shutil.copytree(etc, tree / "etc/appliance", dirs_exist_ok=True)
    _put(tree / "usr/bin/appliance", COMMAND, 0o755)
    _put(tree / "usr/local/lib/box/agent.py", Path(agent.__file__).read_text())
    _put(tree / "etc/systemd/system/box-agent.service", AGENT)
    _put(tree / "etc/systemd/system/appliance-.service.d/slow.conf", SLOW)
    found = {f"etc/systemd/system/{name}": (0o120777, b"/dev/null") for name in MASKED}
    found["etc/systemd/system/sysinit.target.wants/box-agent.service"] = (0o120777, b"../box-agent.service")
    found["etc/systemd/system/sysinit.target.wants"] = (0o40755, b"")
    for path in tree.rglob("*"):
        mode = 0o40755 if path.is_dir() else 0o100000 | path.stat().st_mode & 0o777
        found[str(path.relative_to(tree))] = (mode, b"" if path.is_dir() else path.read_bytes())
    return found


def _put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
