"""What the delivery benchmark times is a whole delivery."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.cli.demo.dcmtk import data_set
from tests.bench import inputs
from tests.bench.deliver_compare import OURS, PLAIN, storescu, table, upstream
from tests.bench.receivers import has_storescp
from tests.bench.sealed_vault import SealedVault
from tests.bench.verdict import Section


@pytest.mark.skipif(not has_storescp(), reason="storescp needs Debian's packages dcmtk and gcc")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the memory of programs that leave no dumps")
@pytest.mark.slow
def test_a_run_delivers_every_instance_and_can_be_repeated(tmp_path: Path) -> None:
    (series,) = inputs.make(tmp_path / "inputs", [inputs.SMALL])
    files = series.files[:20]
    sent = {data_set(Path(path).read_bytes()) for path in files}
    (tmp_path / "site").mkdir()
    vault = SealedVault.fill(tmp_path / "site", files)
    for associations in (None, 1):
        with upstream(vault.site, tls=True, where=tmp_path) as target:
            vault.destination(f"127.0.0.1:{target.port}", associations)
            found = vault.deliver()
            assert {data_set(path.read_bytes()) for path in target.store.iterdir()} == sent
            assert 0 < found.seconds < 30 and found.peak > 10
    with upstream(vault.site, tls=False, where=tmp_path) as target:
        assert storescu(vault, target, files)[0] > 0
        assert {data_set(path.read_bytes()) for path in target.store.iterdir()} == sent


def test_the_table_compares_with_storescu_in_cleartext() -> None:
    section = Section("")
    table(section, inputs.CT, 100_000_000, {OURS: [2.0], PLAIN: [1.0]}, {OURS: [0.5], PLAIN: []})
    assert "x  2.00      50 MB/s" in section.lines[1] and "0.50 s of CPU" in section.lines[1]
    assert "x  1.00     100 MB/s" in section.lines[2]
