"""Certificates, revocation lists and TLS profiles in a running box: what a reload puts in force, and for whom."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
from dataclasses import replace as replace_party
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.cli.demo.box import Box
from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.site import Site
from appliance.host.certificates import Authority
from tests.e2e.conftest import Start
from tests.e2e.test_receive import associated
from tests.host.pki import revocation_list, rsa_certificate


def reload(box: Box) -> None:
    """As `systemctl reload` does it; returns when new workers are there."""
    before = set(box.pids("receive"))
    os.kill(box.pids("receive")[0], signal.SIGHUP)
    assert box.wait(lambda: bool(set(box.pids("receive")) - before), 30)


def certificate_of(site: Site) -> bytes:
    """What the box shows to a new connection."""
    context = ssl.create_default_context(cafile=site.ct.ca)
    context.load_cert_chain(site.ct.certificate, site.ct.key)
    with (
        socket.create_connection(("127.0.0.1", site.port), 10) as raw,
        context.wrap_socket(raw, server_hostname="edge01.demo.example") as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
    assert shown
    return shown


def replace(path: Path, content: bytes) -> None:
    """As renewing tools do: a new file under the old name."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


def with_list(text: str, made: list[tuple[Authority, Path]]) -> str:
    """The configuration with a revocation list, and a modality that can be revoked; CA and list go to `made`."""
    tls = Path(text.split('client_ca        = "')[1].split('"')[0]).parent
    authority = Authority.create("Revoking CA")
    made.append((authority, tls / "site.crl"))
    (tls / "site-ca.crt").write_bytes((tls / "site-ca.crt").read_bytes() + authority.certificate)
    for name in ("ct1.crt", "ct1.key"):
        (tls / name).unlink()
    authority.issue("ct1", ["ct1.demo.example"], client=True).write(tls / "ct1.crt", tls / "ct1.key")
    (tls / "site.crl").write_bytes(revocation_list(authority))
    return text.replace("client_ca ", f'client_crl       = "{tls}/site.crl"\nclient_ca ', 1)


def test_a_renewed_certificate_is_shown_after_a_reload_and_open_associations_go_on(start: Start) -> None:
    made: list[Authority] = []

    def own_authority(text: str) -> str:
        """The CA of the demo keeps no key: one of our own, which the modality trusts too."""
        tls = Path(text.split('client_ca        = "')[1].split('"')[0]).parent
        made.append(Authority.create("Renewing CA"))
        site_ca = tls / "site-ca.crt"
        site_ca.write_bytes(site_ca.read_bytes() + made[0].certificate)
        return text

    site, box, _ = start(own_authority)
    first = certificate_of(site)
    with associated(site) as connection:
        renewed = made[0].issue("edge01", ["edge01.demo.example"], server=True, client=True)
        tls = site.root / "tls"
        replace(tls / "appliance.crt", renewed.certificate)
        replace(tls / "appliance.key", renewed.key)
        reload(box)
        assert box.wait(lambda: certificate_of(site) != first, 30)
        connection.sendall(b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")  # A-RELEASE-RQ
        assert connection.recv(100)[:1] == b"\x06"


def test_a_revoked_modality_is_refused_after_a_reload_and_its_association_is_not_torn_down(start: Start) -> None:
    made: list[tuple[Authority, Path]] = []
    site, box, _ = start(lambda text: with_list(text, made))
    authority, crl = made[0]
    modality = Modality("CT1", site.ct)
    assert modality.echo(site.port, "EDGE01") == ""
    with associated(site) as connection:
        replace(crl, revocation_list(authority, site.ct.certificate))
        reload(box)
        assert box.wait(lambda: modality.echo(site.port, "EDGE01") != "", 30)
        assert box.wait(lambda: "certificate revoked" in site.log.read_text(), 30)
        connection.sendall(b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")
        assert connection.recv(100)[:1] == b"\x06"
    replace(crl, revocation_list(authority, end=timedelta(minutes=-1)))
    reload(box)
    assert box.wait(lambda: modality.echo(site.port, "EDGE01") != "", 30)
    assert box.wait(lambda: "CRL has expired" in site.log.read_text(), 30)
    assert box.wait(lambda: "past its next update" in site.log.read_text(), 30)


def test_a_certificate_that_will_not_do_is_told_apart_with_what_to_do(start: Start) -> None:
    made: list[tuple[Authority, Path]] = []
    site, box, _ = start(lambda text: with_list(text, made))
    authority, _ = made[0]
    past = datetime.now(UTC) - timedelta(minutes=2)
    cases = {
        "stranger": (Authority.create("Other CA").issue("ct1", ["ct1"], client=True), "`appliance certs trust`"),
        "expired": (
            authority.issue("ct1", ["ct1"], client=True, now=past, lifetime=timedelta(minutes=1)),
            "a new cert",
        ),
        "server": (authority.issue("ct1", ["ct1"], server=True), "issued with clientAuth"),
    }
    for name, (issued, advice) in cases.items():
        files = site.root / f"{name}.crt", site.root / f"{name}.key"
        issued.write(*files)
        modality = Modality("CT1", replace_party(site.ct, certificate=files[0], key=files[1]))
        assert modality.echo(site.port, "EDGE01") != ""
        assert box.wait(lambda: advice in site.log.read_text(), 30), (name, advice)  # noqa: B023, asked at once


def test_an_old_scanner_with_the_retired_aes_profile(start: Start) -> None:
    def old(text: str) -> str:
        tls = Path(text.split('client_ca        = "')[1].split('"')[0]).parent
        authority = Authority.create("RSA CA")
        (tls / "site-ca.crt").write_bytes((tls / "site-ca.crt").read_bytes() + authority.certificate)
        for name in ("appliance.crt", "appliance.key"):
            (tls / name).unlink()
        rsa_certificate(authority, "edge01.demo.example", tls / "appliance.crt", tls / "appliance.key")
        return text.replace('ae_titles   = ["CT1"]', 'ae_titles   = ["CT1"]\ntls_profile = "legacy"').replace(
            'ae_titles   = ["MR1"]\naddresses   = ["192.0.2.7"]', 'ae_titles   = ["MR1"]\naddresses   = ["127.0.0.1"]'
        )

    site, box, _ = start(old)

    def echo(title: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        party = ["+tls", str(site.ct.key), str(site.ct.certificate), "+cf", str(site.ct.ca)]
        call = ["-aet", title, "-aec", "EDGE01", "localhost", str(site.port)]
        return subprocess.run(["echoscu", *party, *options, *call], capture_output=True, timeout=30)

    assert echo("CT1", "+pa").returncode == 0
    assert box.wait(lambda: "TLSv1.2 AES128-SHA" in site.log.read_text(), 30)
    assert echo("CT1").returncode == 0
    assert box.wait(lambda: "TLSv1.3" in site.log.read_text(), 30)
    # From the same address, but not the peer that may: the handshake succeeds, the association does not.
    assert echo("MR1", "+pa").returncode != 0
    assert box.wait(lambda: "its TLS suite is one for old devices" in site.log.read_text(), 30)


def test_a_new_revocation_list_is_taken_up_without_a_word(start: Start) -> None:
    made: list[tuple[Authority, Path]] = []
    site, box, _ = start(lambda text: with_list(text, made))
    modality = Modality("CT1", site.ct)
    assert modality.echo(site.port, "EDGE01") == ""
    authority, crl = made[0]
    replace(crl, revocation_list(authority, site.ct.certificate))
    assert box.wait(lambda: modality.echo(site.port, "EDGE01") != "", 30)
    assert box.wait(lambda: "certificates, keys or lists replaced" in site.log.read_text(), 30)
