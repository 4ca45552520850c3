"""A running appliance with its hospital around it: the demo's, with real DCMTK peers on loopback."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Upstream, free_port
from appliance.cli.demo.site import Site, build

Start = Callable[..., tuple[Site, Box, Upstream]]


@contextlib.contextmanager
def starting(directory: Path) -> Iterator[Start]:
    """Yields what starts an appliance below `directory`; `edit` may change its configuration before, and `within` make
    ready where it runs and say what runs it there. All of it ends with the block, and its log is looked at then."""
    if not shutil.which("storescu"):
        pytest.skip("DCMTK is not installed: `make setup` does that")
    running: list[Box | Upstream] = []

    def begin(
        edit: Callable[[str], str] = lambda text: text, within: Callable[[Site], Sequence[str]] = lambda _: ()
    ) -> tuple[Site, Box, Upstream]:
        root = directory / "site"
        root.mkdir()
        site = build(root, classical=True, port=free_port(), upstream_port=free_port())
        site.config.write_text(edit(site.config.read_text()))
        upstream = Upstream(root / "upstream", site.upstream_port, site.upstream)
        running.append(upstream)
        upstream.start()
        box = Box(site, within(site))  # which may find that this machine cannot have it
        running.append(box)
        box.start()
        return site, box, upstream

    try:
        yield begin
    finally:
        for each in reversed(running):
            each.stop()
    log = directory / "site" / "appliance.log"
    if log.exists():
        text = log.read_text()
        assert "Traceback" not in text and "INTERNAL-ERROR" not in text, text[-3000:]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an appliance for one test."""
    with starting(tmp_path) as begin:
        yield begin
