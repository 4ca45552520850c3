"""A PACS that takes nothing compressed, beside one that takes everything: what each gets, and what a person is told."""

from __future__ import annotations

import random
import subprocess
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.filereader import read_dataset

from appliance.cli.demo.dcmtk import free_port
from appliance.delivery.file_meta import parse_file_meta
from tests.delivery.commitment_scp import CommittingPacs
from tests.e2e.conftest import Start
from tests.e2e.data_sets import SOURCES, Sample, sample
from tests.e2e.test_queue import appliance
from tests.hunting import hunt

PROPOSE = {"rle": "-xr", "deflated": "-xd", "jpeg-baseline": "-xy"}


@pytest.mark.slow
def test_it_gets_and_commits_to_what_was_compressed_and_the_rest_is_held(start: Start, tmp_path: Path) -> None:
    plain = free_port()
    with CommittingPacs() as pacs:
        old = (
            '[[destination]]\nname = "old-pacs"\nkind = "dimse"\ntls = "never"\nproof = "commitment"\n'
            f'address = "127.0.0.1:{pacs.port}"\nae_title = "PACS"\non_unsupported = "transcode"\n\n'
            '[[route]]\nto = ["old-pacs"]\n\n[[destination]]'
        )
        scanner = (
            '[[peer]]\nname = "scanner"\nae_titles = ["SCANNER"]\naddresses = ["127.0.0.1"]\ntls = "never"\n[vault]'
        )
        site, box, upstream = start(
            lambda text: (
                text.replace("[receive]", f'[receive]\nlisten_plain = ["127.0.0.1:{plain}"]')
                .replace("[[destination]]", old, 1)
                .replace("[vault]", scanner, 1)
            )
        )
        dice = random.Random(5)
        sent = {name: sample(name, tmp_path, dice) for name in PROPOSE}
        for each in sent.values():
            send(each, plain)
        assert box.wait(lambda: len(upstream.instances()) == 3, 60)
        log = lambda: site.log.read_text()  # noqa: E731
        assert box.wait(lambda: "old-pacs committed to" in log() and "DELIVERY-HELD" in log(), 60), log()[-3000:]
    as_they_came = [parse_file_meta(path.read_bytes()) for path in upstream.directory.iterdir()]
    assert {each.sop_instance: each.transfer_syntax for each in as_they_came} == {
        each.instance: each.transfer_syntax for each in sent.values()
    }
    pixels = pydicom.dcmread(SOURCES / "MR_small.dcm").PixelData  # both are made of it
    arrived = {instance: read_dataset(BytesIO(data), False, True) for instance, data in pacs.stored.items()}
    assert arrived.keys() == {sent["rle"].instance, sent["deflated"].instance}
    assert {each.PixelData for each in arrived.values()} == {pixels}
    (held,) = appliance(site, "queue", "held", "old-pacs")
    assert "it cannot be transcoded without a loss" in held["reason"]
    assert box.wait(lambda: log().count("TRANSCODED") >= 2, 20), log()[-3000:]
    said = [line for line in log().splitlines() if "TRANSCODED" in line]
    assert {line.rsplit(" ", 1)[1] for line in said} == {sent[name].transfer_syntax for name in ("rle", "deflated")}
    assert len(said) == 2
    assert hunt({each.instance: each.instance.encode() for each in sent.values()}, site.state, site.log) > 1


def send(each: Sample, port: int) -> None:
    command = ["storescu", PROPOSE[each.encoding], "-aet", "SCANNER", "-aec", "EDGE01", "127.0.0.1", str(port)]
    subprocess.run([*command, str(each.path)], check=True, timeout=60, capture_output=True)
