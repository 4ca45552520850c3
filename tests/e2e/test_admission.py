"""Who is let into a running box, with several workers and real peers; and what receive and forward tell each other."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack

from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.images import ct_series
from appliance.cli.demo.site import Site
from appliance.config.passcode import make_passcode
from appliance.vault.accepted import Published
from tests.e2e.conftest import Start
from tests.e2e.test_receive import associated

CT1 = 'ae_titles   = ["CT1"]'


def store(site: Site, image: str, *identity: str) -> bool:
    party = ["+tls", str(site.ct.key), str(site.ct.certificate), "+cf", str(site.ct.ca)]
    call = ["-aet", "CT1", "-aec", "EDGE01", "localhost", str(site.port), image]
    return subprocess.run(["storescu", *party, *identity, *call], capture_output=True, timeout=30).returncode == 0


def test_a_user_name_and_passcode_from_dcmtk(start: Start, tmp_path) -> None:  # type: ignore[no-untyped-def]
    kept = make_passcode(b"geheim", bytes(16))
    wanted = f'{{ type = "username+passcode", passcodes = {{ "ct-1" = "{kept}" }} }}'
    site, box, _ = start(lambda text: text.replace(CT1, f"{CT1}\nuser_identity = {wanted}"))
    image = str(next(iter(ct_series(tmp_path / "ct", 1))).path)
    assert store(site, image, "-usr", "ct-1", "-pwd", "geheim", "-rsp")
    assert not store(site, image, "-usr", "ct-1", "-pwd", "falsch")
    assert not store(site, image)
    assert box.wait(lambda: "its passcode is wrong" in site.log.read_text(), 30)
    assert "geheim" not in site.log.read_text() and "falsch" not in site.log.read_text()


def test_the_limit_of_a_peer_holds_over_all_workers(start: Start) -> None:
    def edit(text: str) -> str:
        return text.replace(CT1, f"{CT1}\nmax_associations = 3").replace("[receive]", "[receive]\nworkers = 3")

    site, box, _ = start(edit)
    modality = Modality("CT1", site.ct)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(associated(site))
        assert modality.echo(site.port, "EDGE01") != ""
        assert box.wait(lambda: "it has 3 associations open" in site.log.read_text(), 30)
    assert box.wait(lambda: modality.echo(site.port, "EDGE01") == "", 30)


def test_what_the_destination_accepted_is_told_to_receive(start: Start, tmp_path) -> None:  # type: ignore[no-untyped-def]
    site, box, _ = start()
    answers: list[str] = []
    images = list(ct_series(tmp_path / "ct", 1))
    Modality("CT1", site.ct).send(images, site.port, "PACS", lambda _, status: answers.append(status))
    assert answers == ["Success"]
    published = Published(site.runtime)
    assert box.wait(lambda: bool(published.read().get("pacs")), 30)
    assert ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1") in published.read()["pacs"]
