"""The SCP that malformed input is sent to, and what it says about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config.model import Receive
from appliance.scp import ingest
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import c_echo_rq
from tests.scp.malformed import REFUSALS, Refusals, answer
from tests.scp.scene import Scene, data_set


@pytest.fixture
def scp(tmp_path: Path) -> Iterator[Scene]:
    """The SCP. After each test a registered modality's C-ECHO and C-STORE go well, whatever was done before."""
    made = Scene(tmp_path / "state")
    yield made
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "site") == ["state"]
    before = len(made.files())
    with made.connect() as modality:
        assert isinstance(modality.associate(), upper.AssociationAccepted)
        assert answer(modality, 1, c_echo_rq(9).encode(False)).status == ingest.SUCCESS
        assert modality.store("1.2.3.999", data_set("1.2.3.999")).status == ingest.SUCCESS
    assert len(made.files()) == before + 1


@pytest.fixture
def impatient(scp: Scene) -> Iterator[Scene]:
    """The SCP, which waits for the rest of a PDU or message not as long as it usually does."""
    yield from _hurried(scp, "pdu")


@pytest.fixture
def impatient_at_first(scp: Scene) -> Iterator[Scene]:
    """The SCP, which waits for a TLS handshake and a request not as long as it usually does."""
    yield from _hurried(scp, "artim", "tls_handshake")


def _hurried(scp: Scene, *limits: str) -> Iterator[Scene]:
    patient = scp.config
    hurried = Receive.model_validate(patient.receive.model_dump() | dict.fromkeys(limits, "300ms"))
    scp.config = patient.model_copy(update={"receive": hurried})
    yield scp
    scp.config = patient


@pytest.fixture
def refusals(capsys: pytest.CaptureFixture[str]) -> Refusals:
    """The lines about refusals since it was asked last."""
    return lambda: [line for line in capsys.readouterr().err.splitlines() if any(code in line for code in REFUSALS)]
