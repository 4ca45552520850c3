"""`appliance certs issued`: all that the built-in CA signed is on record, the box's own certificates among it."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.main import run
from appliance.host.certificates import Authority
from appliance.host.issued_register import Register
from tests.cli.sites import PACS, make_site

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A box with a PACS."""
    config = make_site(tmp_path / "site")
    config.write_text(config.read_text() + PACS.format(name="main pacs", tls=tls(config)))
    return config


def tls(site: Path) -> Path:
    return site.parent / "tls"


def certs(site: Path, *arguments: str | Path) -> int:
    return run(["certs", *map(str, arguments), "--config", str(site)])


def issued(site: Path, capsys: Capture, status: int = 0) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert certs(site, "issued", "--json") == status
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def states(found: list[dict[str, Any]]) -> list[tuple[str, bool, str]]:
    return sorted((each["device"], each["own"], each["state"]) for each in found)


def test_what_init_and_renew_made_for_the_box_is_on_record(site: Path, tmp_path: Path, capsys: Capture) -> None:
    own = ("EDGE01", True, "good")
    assert states(issued(site, capsys)) == [own, own]
    assert certs(site, "issue", "CT", "--name", "ct.example", "-d", tmp_path) == 0
    assert certs(site, "renew") == 0
    assert certs(site, "renew", "--for", "main pacs") == 0
    found = issued(site, capsys)
    assert states(found) == [("CT", False, "good"), own, own, ("EDGE01", True, "not in use"), ("EDGE01", True,
                             "not in use")]  # fmt: skip
    capsys.readouterr()
    assert certs(site, "status", "--json") == 1  # of the CA's key
    shown = {each["sha256"] for each in json.loads(capsys.readouterr().out) if "certificate" in each["place"]}
    assert shown == {each["sha256"] for each in found if each["own"] and each["state"] == "good"}
    assert certs(site, "issued") == 0
    assert "EDGE01 (this box)" in capsys.readouterr().out


def test_the_certificate_that_the_box_shows_is_not_revoked_and_the_one_before_is(site: Path, capsys: Capture) -> None:
    lists = tls(site) / "site-ca.crl"
    before, (one, two) = lists.read_bytes(), issued(site, capsys)
    for each in (one, two):
        assert certs(site, "revoke", each["sha256"]) == 78
        said = capsys.readouterr().err
        assert "that this box shows now" in said and "Nothing was revoked" in said
    assert certs(site, "revoke", tls(site) / "appliance-client.crt") == 78  # a file of it is the same
    assert "`appliance certs renew --for 'main pacs'`" in capsys.readouterr().err
    assert certs(site, "revoke", "EDGE01") == 78
    assert "EDGE01 (this box), from" in capsys.readouterr().err
    assert lists.read_bytes() == before
    assert certs(site, "renew", "--for", "main pacs") == 0
    (old,) = [each for each in issued(site, capsys) if each["state"] == "not in use"]
    assert certs(site, "revoke", old["sha256"][:16]) == 0
    assert [each["state"] for each in issued(site, capsys) if each["sha256"] == old["sha256"]] == ["revoked"]


def test_a_box_that_an_older_init_made_works_on(site: Path, tmp_path: Path, capsys: Capture) -> None:
    shutil.rmtree(tls(site) / "site-ca.issued")
    capsys.readouterr()
    assert certs(site, "issued") == 0
    assert "nothing that is recorded here" in capsys.readouterr().err
    assert certs(site, "status", "--json") == 1
    assert {each["place"] for each in json.loads(capsys.readouterr().out)} >= {
        "receive.certificate", 'destination "main pacs".certificate',
    }  # fmt: skip
    assert certs(site, "revoke", tls(site) / "appliance.crt") == 78
    assert "that this box shows now" in capsys.readouterr().err
    assert certs(site, "revoke", "EDGE01") == 78
    assert "has no record" in capsys.readouterr().err
    assert certs(site, "renew") == 0
    assert states(issued(site, capsys)) == [("EDGE01", True, "good")]
    assert run(["check", "--config", str(site)]) == 0


def test_that_of_the_box_which_ends_says_renew_and_not_issue(site: Path, capsys: Capture) -> None:
    authority = Authority.load(*((tls(site) / f"site-ca.{kind}").read_bytes() for kind in ("crt", "key")))
    for name in ("appliance-client.crt", "appliance-client.key"):
        (tls(site) / name).unlink()
    fresh = authority.issue("EDGE01", ["edge.example"], client=True, lifetime=timedelta(days=20))
    fresh.write(tls(site) / "appliance-client.crt", tls(site) / "appliance-client.key")
    register = Register(tls(site) / "site-ca.crt", None)
    register.add(fresh.certificate, own=True)
    assert not register.in_use()  # it is no device, whose end the lamps would tell a second time
    capsys.readouterr()
    assert certs(site, "issued") == 1
    said = capsys.readouterr().err
    assert "appliance certs renew --for 'main pacs'" in said and "certs issue" not in said


def test_a_first_site_that_fails_leaves_no_register(tmp_path: Path) -> None:
    arguments = ["--dir", tmp_path / "etc", "--recovery-file", tmp_path / "nowhere/kit", "--with-ca"]
    assert run(["init", *map(str, arguments)]) == 74
    assert not (tmp_path / "etc").exists()
