"""`forward` across a rotation of its identity: what was sealed before and after it is delivered."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.host.credentials import read_secrets
from appliance.seal.keys import parse_identity
from tests.delivery.upstream import StoreScp, until
from tests.delivery.vaults import ROOT, State
from tests.programs.test_forward import Box


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    if box.process:
        box.process.kill()
        box.process.wait()


def test_both_open(box: Box, tmp_path: Path) -> None:
    with StoreScp(tmp_path / "upstream", options=("+xa", "--fork")) as upstream:
        box.destination("pacs", upstream.port)
        box.configure()
        for _ in range(3):
            box.state.put()
        rotate = [sys.executable, "-m", "appliance", "keys", "rotate", "--config", str(box.path)]
        printed = subprocess.run(rotate, capture_output=True, text=True, check=True).stdout
        recipients = re.sub(r"\s+", " ", re.sub(r"#.*", "", printed))
        box.path.write_text(re.sub(r"recipients = .*", recipients, box.path.read_text()))
        new = parse_identity(read_secrets(f"file:{tmp_path}/identity")[0])
        assert str(new.recipient) in recipients and str(box.state.identity.recipient) not in recipients
        after = State(box.state.root, identity=new, index_key=box.state.index_key)
        for number in range(3):
            after.put(uid=f"{ROOT}.7.{number}")
        box.start()
        until(lambda: box.delivered() == 6)
        assert upstream.received() == box.state.sent | after.sent
        assert box.stop() == 0
