"""One lab for all tests of a run: every scene is played once, and their captures are there for whoever reads them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.sensor_lab.run import play_all
from tests.sensor_lab.scene import SCENES, Outcome
from tests.sensor_lab.site import TOOLS


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """How each scene went, by its name."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root: network namespaces, and CAP_NET_RAW")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    root = tmp_path_factory.mktemp("lab")
    outcomes = play_all(root / "site", root / "captures", SCENES, lambda _: None)
    return {each.scene.name: each for each in outcomes}


@pytest.fixture(scope="session")
def captures(played: dict[str, Outcome]) -> list[Path]:
    """The capture of each scene."""
    return [each.pcap for each in played.values() if each.pcap is not None]


@pytest.fixture(scope="session")
def site_config(captures: list[Path]) -> Path:
    """The configuration of the hospital in which the captures were made."""
    return captures[0].parent.parent / "site" / "appliance.toml"
