"""A running appliance with its hospital around it: the demo's, with real DCMTK peers on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Upstream, free_port
from appliance.cli.demo.site import Site, build

Start = Callable[..., tuple[Site, Box, Upstream]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an appliance; `edit` may change its configuration before. All of it ends with the test."""
    if not shutil.which("storescu"):
        pytest.skip("DCMTK is not installed: `make setup` does that")
    running: list[Box | Upstream] = []

    def begin(edit: Callable[[str], str] = lambda text: text) -> tuple[Site, Box, Upstream]:
        root = tmp_path / "site"
        root.mkdir()
        site = build(root, classical=True, port=free_port(), upstream_port=free_port())
        site.config.write_text(edit(site.config.read_text()))
        upstream = Upstream(root / "upstream", site.upstream_port, site.upstream)
        upstream.start()
        box = Box(site)
        running.extend((box, upstream))
        box.start()
        return site, box, upstream

    yield begin
    for each in running:
        each.stop()
    log = tmp_path / "site" / "appliance.log"
    if log.exists():
        text = log.read_text()
        assert "Traceback" not in text and "INTERNAL-ERROR" not in text, text[-3000:]
