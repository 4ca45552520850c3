from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.vault.ledger import Ledger
from tests.vault.samples import Vault


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    made = Vault(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    yield made
    made.close()
