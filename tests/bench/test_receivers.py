"""Receivers that the others are compared with: each starts, and takes an instance over mutual TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.bench.receivers import Start, appliance, floor, has_storescp, pynetdicom_tls, send

CT = str(get_testdata_file("CT_small.dcm"))


@pytest.mark.skipif(not has_storescp(), reason="needs Debian's packages dcmtk and gcc")
@pytest.mark.parametrize("start", [appliance(), floor(True), pynetdicom_tls], ids=["appliance", "floor", "pynetdicom"])
def test_it_starts_and_takes_an_instance(start: Start, tmp_path: Path) -> None:
    with start(tmp_path) as target:
        assert send(target, [CT]) > 0
        target.demand(1)
