"""What the panel sees by itself: the medium and the ends of certificates, read again when they change."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.cli.main import run
from appliance.config.load import load_config
from appliance.host.certificates import Authority
from appliance.panel.look import Look, named
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.refusals import Condition, DiskRefused
from tests.cli.sites import make_site
from tests.host.pki import revocation_list

DAY = 86400


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = make_site(tmp_path)
    (tmp_path / "state").mkdir()
    with path.open("a") as file:
        file.write('[alerts]\nsyslog = "tls://siem.example:6514"\nca = "/nowhere/siem.crt"\n')
    return path


def look(site: Path) -> Look:
    seen = Look(load_config(site), site.parent / "state/syslog")
    seen.again()
    return seen


def test_every_certificate_that_the_configuration_names_has_an_end(site: Path) -> None:
    ends = {each.place: each for each in look(site).certificates}
    assert set(ends) == {"receive.certificate", "receive.client_ca", "alerts.ca"}
    assert ends["alerts.ca"].not_after is None and ends["alerts.ca"].error == "No such file or directory"
    assert (ends["receive.certificate"].not_after or 0) > time.time() + 30 * DAY


def test_what_is_no_certificate_says_so(site: Path) -> None:
    path = site.parent / "tls/appliance.crt"
    path.chmod(0o600)
    path.write_text("hello")
    ends = {each.place: each for each in look(site).certificates}
    assert ends["receive.certificate"].error == "this is no certificate in PEM"
    path.unlink()
    os.mkfifo(path)  # opening one would wait for ever
    assert {each.place: each for each in look(site).certificates}["receive.certificate"].error


def test_a_renewed_certificate_is_seen(site: Path) -> None:
    seen = look(site)
    before = {each.place: each.not_after for each in seen.certificates}
    path = site.parent / "tls/appliance.crt"
    fresh = path.with_suffix(".new")
    fresh.write_bytes((site.parent / "tls/site-ca.crt").read_bytes())  # which ends at another time
    fresh.replace(path)
    seen.again()
    after = {each.place: each.not_after for each in seen.certificates}
    assert after["receive.certificate"] == before["receive.client_ca"] != before["receive.certificate"]
    assert after["receive.client_ca"] == before["receive.client_ca"]


def test_of_several_cas_the_last_to_end_counts(site: Path) -> None:
    ca = site.parent / "tls/site-ca.crt"
    both = ca.read_bytes() + Authority.create("another CA").certificate
    ca.chmod(0o600)
    ca.write_bytes(both)
    (end,) = [each.not_after for each in look(site).certificates if each.place == "receive.client_ca"]
    assert end is not None and datetime.fromtimestamp(end, UTC) > datetime.now(UTC)


def test_the_built_in_ca_is_looked_at_beside_one_that_ends_later(site: Path) -> None:
    ca = site.parent / "tls/site-ca.crt"
    later = Authority.create("another CA", lifetime=timedelta(days=5000)).certificate
    before = ca.read_bytes()
    ca.chmod(0o600)

    def ends(content: bytes) -> tuple[bool, bool]:
        ca.write_bytes(content)
        (end,) = [each for each in look(site).certificates if each.place == "receive.client_ca"]
        return end.built_in, (end.not_after or 0) > time.time() + 4000 * DAY

    assert ends(before + later) == (True, False)
    assert ends(later + before) == (False, True)


def test_revocation_lists_are_read_again_when_they_change(site: Path) -> None:
    seen = look(site)
    (end,) = seen.lists
    assert (end.place, end.error) == ("receive.client_crl", "") and (end.ends or 0) > time.time() + 3000 * DAY
    path = site.parent / "tls/site-ca.crl"
    other = Authority.create("another CA")
    older, newer = (revocation_list(other, begin=-each, end=each) for each in (timedelta(days=2), timedelta(days=1)))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + newer + older)
    seen.again()
    ends = {each.issuer: each.ends for each in seen.lists}
    assert len(ends) == 2 and 0 < (ends["CN=another CA"] or 0) - time.time() <= DAY  # the newest counts
    path.unlink()
    seen.again()
    assert [each.error for each in seen.lists] == ["No such file or directory"]


def test_certificates_of_devices_are_seen_until_they_are_revoked(site: Path, tmp_path: Path) -> None:
    seen = look(site)
    assert seen.devices == ()
    issue = ["certs", "issue", "CT 1", "--name", "ct1.example", "-d", str(tmp_path), "--config", str(site)]
    assert run(issue) == 0
    seen.again()
    assert [each.place for each in seen.devices] == ["CT 1"] and (seen.devices[0].not_after or 0) > time.time() + DAY
    assert run(["certs", "revoke", "CT 1", "--config", str(site)]) == 0
    seen.again()
    assert seen.devices == ()


def test_the_medium(site: Path, tmp_path: Path) -> None:
    seen = look(site)
    assert seen.room is not None and seen.room.writable and seen.room.free > 0
    (tmp_path / "state").rmdir()
    seen.again()
    assert seen.room is None and seen.room_error


def test_places_are_named_as_in_the_file(site: Path) -> None:
    text = (
        site.read_text() + '[[destination]]\nname = "p"\nkind = "dimse"\naddress = "h:1"\nae_title = "P"\nca = "/ca"\n'
    )
    site.write_text(text)
    assert ('destination "p".ca', Path("/ca")) in list(named(load_config(site)))


def test_a_state_directory_that_is_not_mounted_any_more(site: Path) -> None:
    seen = look(site)
    assert seen.lost == ""  # nobody made it yet
    incoming = site.parent / "state/incoming"
    incoming.mkdir()
    seen.again()
    incoming.rmdir()
    seen.again()
    assert "not mounted" in seen.lost
    (site.parent / "state").rmdir()
    seen.again()
    assert "No such file" in seen.lost
    incoming.mkdir(parents=True)
    seen.again()
    assert seen.lost == ""


def test_a_disk_that_is_only_missing_is_to_be_mounted_not_mended(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = look(site)
    missing = DiskRefused("/srv is not mounted, though /etc/fstab names it", Condition.MISSING)
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: missing)
    seen.again()
    assert seen.lost == missing.message and seen.lost_fix.startswith("Mount it")
    monkeypatch.setattr(DeclaredMount, "objection", lambda _: None)
    seen.again()
    assert seen.lost_fix == ""
