"""Several boxes behind one address: haproxy and keepalived take their examples."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.services import service
from tests.units.machine import REPOSITORY, run

EXAMPLES = REPOSITORY / "firmware-config/several-boxes"


def checked(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    found = service(name, name)
    return subprocess.run(
        [found.program, *arguments],
        env={**os.environ, **found.environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_haproxy_takes_its_example() -> None:
    done = checked("haproxy", "-c", "-f", EXAMPLES / "haproxy.cfg")
    assert done.returncode == 0, done.stderr
    assert "[WARNING]" not in done.stderr and "[ALERT]" not in done.stderr, done.stderr


def test_haproxy_would_notice_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "broken.cfg").write_text((EXAMPLES / "haproxy.cfg").read_text().replace("mode tcp", "mode udp"))
    assert checked("haproxy", "-c", "-f", tmp_path / "broken.cfg").returncode != 0


def test_tls_is_left_to_the_boxes() -> None:
    text = (EXAMPLES / "haproxy.cfg").read_text()
    assert "ssl" not in re.sub(r"#.*", "", text) and "usesrc clientip" in text


WITH_INTERFACE = 'ip link add modalities type veth peer name other && exec "$@"'


def keepalived(configuration: Path) -> subprocess.CompletedProcess[str]:
    """Its check, in a network that has the interface of the example."""
    found = service("keepalived", "keepalived")
    alone = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    probe = run(*alone, "sh", "-c", WITH_INTERFACE, "-", "true")
    if probe.returncode:
        pytest.skip(f"no network namespaces here: {probe.stderr.strip()}")
    libraries = [f"{name}={value}" for name, value in found.environment.items()]
    return run(*alone, "sh", "-c", WITH_INTERFACE, "-", "env", *libraries, found.program, "-t", "-f", configuration)


def test_keepalived_takes_its_example() -> None:
    done = keepalived(EXAMPLES / "keepalived.conf")
    assert done.returncode == 0, done.stderr + done.stdout


def test_keepalived_would_notice_a_mistake(tmp_path: Path) -> None:
    text = (EXAMPLES / "keepalived.conf").read_text().replace("virtual_router_id 52", "virtual_router_id 520")
    (tmp_path / "keepalived.conf").write_text(text)
    assert keepalived(tmp_path / "keepalived.conf").returncode != 0
