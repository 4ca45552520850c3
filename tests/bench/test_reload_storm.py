"""A short storm of reloads: nothing is dropped, nothing is lost. `make reload-storm` is the long one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.bench.reload_storm import EVERY, REPLAY, STANDING, WORKERS, storm

RELOADS = 10


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the memory of programs that leave no dumps")
@pytest.mark.slow
def test_reloads_under_load_drop_no_association_and_lose_no_instance(tmp_path: Path) -> None:
    if not shutil.which("storescu"):
        pytest.skip("DCMTK is not installed: `make setup` does that")
    found = storm(tmp_path, RELOADS)
    assert found.broken == found.uncounted == []
    assert (found.probes, found.shown) == (RELOADS // EVERY, RELOADS // EVERY)
    assert found.processes == 1 + WORKERS
    assert found.missing == 0
    assert found.reloads == RELOADS
    assert found.sent == found.associations * REPLAY > 0
    assert found.echoes == STANDING
