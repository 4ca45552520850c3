"""A destination says no for good: the delivery is held, a person sees why, mends it, and sends it on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.images import ct_series
from appliance.cli.demo.site import Site
from tests.e2e.conftest import Start


def appliance(site: Site, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", *words, "--config", str(site.config), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def held(box: Box) -> int:
    return int(box.said("forward").get("destinations", {}).get("pacs", {}).get("held", 0))


def test_what_is_held_is_shown_and_sent_on(start: Start, tmp_path: Path) -> None:
    site, box, upstream = start()
    upstream.stop()
    upstream.options = ("-xf", str(picky(tmp_path)), "Picky")
    upstream.start()
    Modality("CT1", site.ct).send(list(ct_series(tmp_path / "ct", 2)), site.port, "PACS", lambda *_: None)
    assert box.wait(lambda: held(box) == 2, 30)
    listed = appliance(site, "queue", "held", "pacs")
    assert len(listed) == 2 and "does not accept this SOP class" in listed[0]["reason"]
    assert "held" in json.dumps(appliance(site, "status")["findings"])
    upstream.stop()
    upstream.options = ("+xa", "-pm")
    upstream.start()
    assert appliance(site, "queue", "retry", "pacs") == {"released": 2}
    assert box.wait(lambda: appliance(site, "queue", "list")["destinations"]["pacs"]["delivered"] == 2, 30)
    assert len(upstream.instances()) == 2


def picky(tmp_path: Path) -> Path:
    """A profile of storescp that takes nothing but C-ECHO."""
    path = tmp_path / "picky.cfg"
    path.write_text(
        "[[TransferSyntaxes]]\n[Any]\nTransferSyntax1 = LittleEndianImplicit\n"
        "[[PresentationContexts]]\n[Echo]\nPresentationContext1 = VerificationSOPClass\\Any\n"
        "[[Profiles]]\n[Picky]\nPresentationContexts = Echo\n"
    )
    return path
