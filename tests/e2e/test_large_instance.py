"""Memory does not follow the size of an instance, on the way in and on the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.images import large_ct
from tests.e2e.conftest import Start

MEGABYTES = 400
MOST_RESIDENT = 100 << 20


def peak(pid: int) -> int:
    """The most memory that a process ever had resident, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) << 10


@pytest.mark.slow
def test_a_400_mb_instance_passes_through_little_memory(start: Start, tmp_path: Path) -> None:
    site, box, upstream = start()
    image = large_ct(tmp_path / "large.dcm", MEGABYTES)
    answers: list[str] = []
    Modality("CT1", site.ct).send([image], site.port, "PACS", lambda _, status: answers.append(status))
    assert answers == ["Success"]
    assert box.wait(lambda: box.said("forward").get("destinations", {}).get("pacs", {}).get("delivered", 0) == 1, 60)
    peaks = {name: [peak(pid) for pid in box.pids(name)] for name in ("receive", "forward")}
    print({name: [f"{each >> 20} MiB" for each in values] for name, values in peaks.items()})
    assert len(peaks["receive"]) >= 2 and max(peaks["receive"]) < MOST_RESIDENT
    assert max(peaks["forward"]) < MOST_RESIDENT
    (arrived,) = upstream.instances().values()
    assert arrived[-(MEGABYTES << 20) :].count(b"\0") == MEGABYTES << 20
