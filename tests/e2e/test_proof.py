"""The PACS commits, and only then is an instance delivered: Orthanc, which reports over associations of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

from appliance.cli.demo.dcmtk import data_set, free_port
from appliance.cli.demo.images import ct_series
from tests import orthanc as orthancs
from tests.e2e.conftest import Start
from tests.hunting import hunt


@pytest.mark.skipif(not orthancs.find(), reason=orthancs.MISSING)
def test_orthanc_stores_commits_and_reports_to_receive(start: Start, tmp_path: Path) -> None:
    found = orthancs.find()
    assert found
    dicom, plain = free_port(), free_port()
    orthanc = (
        '[[destination]]\nname = "orthanc"\nkind = "dimse"\nproof = "commitment"\ntls = "never"\n'
        f'address = "127.0.0.1:{dicom}"\nae_title = "ORTHANC"\n\n[[route]]\nto = ["orthanc"]\n\n[[destination]]'
    )
    scanner = '[[peer]]\nname = "old"\nae_titles = ["OLD"]\naddresses = ["127.0.0.1"]\ntls = "never"\n[vault]'
    site, box, _ = start(
        lambda text: (
            text.replace("[receive]", f'[receive]\nlisten_plain = ["127.0.0.1:{plain}"]')
            .replace("[[destination]]", orthanc, 1)
            .replace("[vault]", scanner, 1)
        )
    )
    with orthancs.running(
        found,
        tmp_path / "orthanc",
        DicomServerEnabled=True,
        DicomAet="ORTHANC",
        DicomPort=dicom,
        DicomModalities={"edge": ["EDGE01", "127.0.0.1", plain]},
    ) as server:
        images = list(ct_series(tmp_path / "ct", 5))
        ae = AE("OLD")
        ae.add_requested_context(CTImageStorage, "1.2.840.10008.1.2.1")
        association = ae.associate("127.0.0.1", plain, ae_title="EDGE01")
        for image in images:
            assert association.send_c_store(dcmread(image.path)).Status == 0
        association.release()
        assert box.wait(lambda: len(json.loads(server.call("/instances"))) == 5, 30)
        kept = [server.call(f"/instances/{each}/file") for each in json.loads(server.call("/instances"))]
        assert {data_set(each) for each in kept} == {data_set(image.path.read_bytes()) for image in images}
        log = lambda: site.log.read_text()  # noqa: E731
        committed = lambda: [int(each) for each in re.findall("orthanc committed to ([0-9]+)", log())]  # noqa: E731
        assert box.wait(lambda: sum(committed()) >= 5, 60), log()[-3000:]
        assert sum(committed()) == 5, log()[-3000:]
    uids = [str(dcmread(image.path).SOPInstanceUID) for image in images]
    assert hunt({uid: uid.encode() for uid in uids}, site.state) > 1
