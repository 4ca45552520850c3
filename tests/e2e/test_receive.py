"""The receiving program as its neighbours meet it: stallers, dying workers, a changed configuration."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from pathlib import Path

from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.images import Image, ct_series
from appliance.cli.demo.site import Site
from appliance.cli.demo.strangers import Staller
from tests.e2e.conftest import Start


def send(site: Site, images: list[Image]) -> list[str]:
    answers: list[str] = []
    Modality("CT1", site.ct).send(images, site.port, "PACS", lambda _, status: answers.append(status))
    return answers


def images(tmp_path: Path, count: int = 3) -> list[Image]:
    return list(ct_series(tmp_path / "ct", count))


def test_a_silent_connection_and_half_a_pdu_stall_nobody(start: Start, tmp_path: Path) -> None:
    site, _, _ = start()
    with Staller(site) as staller:
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
        assert send(site, images(tmp_path)) == ["Success"] * 3
        assert staller.hangs()


def test_stallers_are_cut_off_and_named(start: Start) -> None:
    site, box, _ = start(lambda text: text.replace("[receive]", '[receive]\nartim = "1s"\ntls_handshake = "1s"'))
    with Staller(site) as staller:
        for late in ("the TLS handshake", "the A-ASSOCIATE-RQ (ARTIM)"):
            assert box.wait(lambda late=late: f"{late} took too long" in site.log.read_text(), 30), late
        assert not staller.hangs()


def test_what_hangs_around_at_a_modality_s_own_address_does_not_keep_it_out(start: Start, tmp_path: Path) -> None:
    site, box, _ = start()
    crowd = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(300)]
    try:
        for each in crowd:
            each.sendall(b"\x16\x03\x01")  # the beginning of a TLS record
        assert box.wait(lambda: box.said("receive").get("pending", 0) >= 100, 30)
        assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
        assert send(site, images(tmp_path)) == ["Success"] * 3
        assert box.wait(lambda: "(others wait) took too long" in site.log.read_text(), 30)
    finally:
        for each in crowd:
            each.close()


def test_those_who_connect_and_leave_are_not_counted(start: Start) -> None:
    site, box, _ = start()
    for _ in range(300):
        socket.create_connection(("127.0.0.1", site.port)).close()
    assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""
    assert box.said("receive").get("failed_handshakes", 0) < 300


def test_a_worker_that_dies_is_replaced(start: Start, tmp_path: Path) -> None:
    site, box, _ = start()
    acceptor, *workers = box.pids("receive")
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    assert box.wait(lambda: len(set(box.pids("receive")) - {acceptor, *workers}) == len(workers), 30)
    assert send(site, images(tmp_path)) == ["Success"] * 3


def test_a_changed_configuration_takes_new_peers_and_keeps_open_associations(start: Start) -> None:
    site, box, _ = start()
    with associated(site) as connection:
        site.config.write_text(site.config.read_text().replace('["CT1"]', '["CT1", "CT2"]'))
        before = set(box.pids("receive"))
        os.kill(box.pids("receive")[0], signal.SIGHUP)
        assert box.wait(lambda: bool(set(box.pids("receive")) - before), 30)
        assert box.wait(lambda: Modality("CT2", site.ct).echo(site.port, "EDGE01") == "", 30)
        connection.sendall(b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")  # A-RELEASE-RQ
        assert connection.recv(100)[:1] == b"\x06"


def test_a_broken_configuration_changes_nothing(start: Start) -> None:
    site, box, _ = start()
    site.config.write_text(site.config.read_text().replace("[receive]", "[recieve]"))
    os.kill(box.pids("receive")[0], signal.SIGHUP)
    assert box.wait(lambda: "CONFIG-REJECTED" in site.log.read_text(), 30)
    assert Modality("CT1", site.ct).echo(site.port, "EDGE01") == ""


def associated(site: Site) -> ssl.SSLSocket:
    """An association of CT1, by hand."""
    from appliance.upper_layer.association import Association
    from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext

    context = ssl.create_default_context(cafile=site.ct.ca)
    context.load_cert_chain(site.ct.certificate, site.ct.key)
    raw = socket.create_connection(("127.0.0.1", site.port))
    raw.settimeout(10)
    connection = context.wrap_socket(raw, server_hostname="edge01.demo.example")
    contexts = (PresentationContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),)
    connection.sendall(Association.requestor(AssociateRequest("EDGE01", "CT1", contexts)).associate_request())
    assert connection.recv(65536)[:1] == b"\x02"
    return connection
