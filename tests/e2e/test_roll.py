"""The built-in CA is replaced while modalities call: nobody is turned away but who has nothing of the new one then."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace as replace_party
from pathlib import Path

import pytest

from appliance.cli.demo.dcmtk import Modality
from appliance.cli.demo.site import Party, Site
from appliance.cli.main import run
from appliance.host.certificate_facts import read_certificates
from appliance.host.certificates import Authority
from appliance.host.issued_register import Register
from appliance.host.revoking import revoke
from tests.e2e.conftest import Start
from tests.e2e.test_receive import associated
from tests.e2e.test_tls import certificate_of

OLD, NEW = (f"EDGE01 site CA{number} (built into the appliance)" for number in ("", " 2"))


def built_in(text: str) -> str:
    """The configuration with a CA as `init --with-ca` makes it, and all certificates of it."""
    tls = Path(text.split('client_ca        = "')[1].split('"')[0]).parent
    authority, register = Authority.create(OLD), Register(tls / "site-ca.crt", None)
    (tls / "site-ca.crt").write_bytes(authority.certificate)
    (tls / "site-ca.key").write_bytes(authority.key)
    (tls / "site-ca.crl").write_bytes(revoke(authority, b"", []))
    pairs = {"appliance": "edge01", "appliance-client": "edge01", "ct1": "ct1", "pacs": "pacs"}
    for name, device in pairs.items():
        for kind in (".crt", ".key"):
            (tls / f"{name}{kind}").unlink(missing_ok=True)
        issued = authority.issue(device, [f"{device}.demo.example"], server=device != "ct1", client=True)
        issued.write(tls / f"{name}.crt", tls / f"{name}.key")
        if device != "pacs":  # nobody sends images here
            register.add(issued.certificate, own=device == "edge01")
    ours, _, theirs = text.partition("[[destination]]")
    ours = ours.replace("client_ca ", f'client_crl       = "{tls}/site-ca.crl"\nclient_ca ', 1)
    return f"{ours}[[destination]]{theirs.replace('appliance.', 'appliance-client.')}"


class Caller:
    """A modality that tries a C-ECHO again and again, and keeps what went wrong."""

    def __init__(self, site: Site, party: Party) -> None:
        self.tries, self.refused = 0, list[str]()
        self._over = threading.Event()
        self._modality, self._port = Modality("CT1", party), site.port
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def _call(self) -> None:
        while not self._over.wait(0.05):
            if said := self._modality.echo(self._port, "EDGE01"):
                self.refused.append(said)
            self.tries += 1

    def some_more(self, wait: Callable[[Callable[[], bool], float], bool]) -> None:
        """Two more tries that began after now."""
        seen = self.tries
        assert wait(lambda: self.tries >= seen + 3, 60)
        assert self.refused == []

    def end(self) -> None:
        self._over.set()
        self._thread.join(60)


@pytest.mark.slow
def test_devices_of_both_cas_are_let_in_all_the_way(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site, box, _ = start(built_in)
    both, stick = tmp_path / "both.pem", tmp_path / "stick"
    stick.mkdir()
    both.write_bytes(site.ct.ca.read_bytes())
    site = replace_party(site, ct=replace_party(site.ct, ca=both))

    def certs(*arguments: str) -> int:
        return run(["certs", *arguments, "--config", str(site.config)])

    def replaced() -> int:
        return site.log.read_text().count("certificates, keys or lists replaced")

    callers = [Caller(site, site.ct)]
    try:
        with associated(site) as connection:
            callers[0].some_more(box.wait)
            assert certs("roll", "--begin") == 0
            assert box.wait(lambda: replaced() > 0, 30)
            callers[0].some_more(box.wait)
            assert certs("roll", "--finish") == 78  # a device has nothing else
            assert certs("renew") == 78  # it would take the box for a stranger
            assert certs("issue", "ct1", "--name", "ct1.demo.example", "-d", str(stick)) == 0
            whole = (stick / "ct1.crt").read_bytes()
            assert [each.subject for each in read_certificates(whole)] == ["CN=ct1", f"CN={NEW}", f"CN={OLD}"]
            both.write_bytes(whole.partition(b"-----END CERTIFICATE-----\n")[2])
            callers.append(Caller(site, Party(stick / "ct1.key", stick / "ct1.crt", both)))
            for each in callers:
                each.some_more(box.wait)
            assert box.wait(lambda: f"certificate by {NEW}" in site.log.read_text(), 30)
            assert certs("roll", "--finish") == 78  # the box shows a certificate of the old one
            shown = certificate_of(site)
            for place in ("receive", "pacs"):
                assert certs("renew", "--for", place) == 0
            assert box.wait(lambda: certificate_of(site) != shown, 30)
            for each in callers:
                each.some_more(box.wait)
            capsys.readouterr()
            assert certs("roll", "--json") == 1
            assert json.loads(capsys.readouterr().out)["left"] == ["appliance certs roll --finish"]
            callers[0].end()
            assert callers[0].refused == []
            assert certs("roll", "--finish") == 0
            old, new = (each._modality for each in callers)
            assert box.wait(lambda: old.echo(site.port, "EDGE01") != "", 30)
            callers[1].some_more(box.wait)
            assert new.echo(site.port, "EDGE01") == ""
            connection.sendall(b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00")  # A-RELEASE-RQ, of who came first
            assert connection.recv(100)[:1] == b"\x06"
    finally:
        for each in callers:
            each.end()
    assert callers[1].refused == [] and callers[1].tries > 0
