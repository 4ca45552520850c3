"""`appliance certs roll`: from one built-in CA to the next, as a person types it; OpenSSL says who gets in."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.main import run
from appliance.config.load import load_config
from appliance.host.certificate_facts import read_certificates
from appliance.host.certificates import Authority
from appliance.host.issued_register import Register
from tests.cli.sites import PACS, make_site
from tests.cli.terminal import on_a_terminal

Capture = pytest.CaptureFixture[str]
OLD, NEW = (f"CN=EDGE01 site CA{number} (built into the appliance)" for number in ("", " 2"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A box with a PACS, and two devices of its CA."""
    config = make_site(tmp_path / "site")
    config.write_text(config.read_text() + PACS.format(name="main pacs", tls=tls(config)))
    for device in ("CT suite 2", "main PACS"):
        server = ["--server"] if "PACS" in device else []
        name = f"{device.split()[0].lower()}.example"
        assert certs(config, "issue", device, "--name", name, *server, "-d", directory(tmp_path / "old")) == 0
    return config


def directory(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def tls(site: Path) -> Path:
    return site.parent / "tls"


def certs(site: Path, *arguments: str | Path) -> int:
    return run(["certs", *map(str, arguments), "--config", str(site)])


def typed(site: Path, line: str, *more: str | Path) -> int:
    """A line that was shown."""
    words = shlex.split(line)
    assert words[:2] == ["appliance", "certs"]
    return certs(site, *words[2:], *more)


def standing(site: Path, capsys: Capture, status: int = 1) -> dict[str, Any]:
    capsys.readouterr()
    assert certs(site, "roll", "--json") == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def let_in(site: Path, certificate: Path) -> bool:
    """As `receive` asks: a CA in client_ca, and a list of that CA."""
    lists = ["-crl_check", "-CRLfile", tls(site) / "site-ca.crl"]
    command = ["openssl", "verify", "-purpose", "sslclient", *lists, "-CAfile", tls(site) / "site-ca.crt", certificate]
    return subprocess.run(list(map(str, command)), capture_output=True).returncode == 0


def subjects(path: Path) -> list[str]:
    return [each.subject for each in read_certificates(path.read_bytes())]


def issuer(path: Path) -> str:
    return read_certificates(path.read_bytes())[0].issuer


def secret_file(path: Path, text: str) -> Path:
    path.write_text(text + "\n")
    path.chmod(0o400)
    return path


def test_what_it_says_to_type_is_the_whole_way(site: Path, tmp_path: Path, capsys: Capture) -> None:
    old, new = tmp_path / "old", directory(tmp_path / "new")
    assert standing(site, capsys, 0)["stage"] == "none"
    assert certs(site, "roll", "--finish") == 78
    assert "no roll-over of the CA is under way" in capsys.readouterr().err
    assert certs(site, "roll", "--begin") == 0
    said = capsys.readouterr().out
    assert f"{NEW} signs" in said and f"{OLD} goes; both are trusted" in said
    assert subjects(tls(site) / "site-ca.crt") == [NEW, OLD]
    assert issuer(tls(site) / "appliance.crt") == OLD  # the box keeps its own until devices know the new CA
    assert run(["check", "--config", str(site)]) == 0
    assert "ca-roll-over-open" in capsys.readouterr().out
    assert certs(site, "status") == 1
    assert "ca-roll-over-open" in capsys.readouterr().out
    before = [path.read_bytes() for path in sorted(tls(site).glob("*.*")) if path.is_file()]
    assert certs(site, "roll", "--begin") == 0  # typed again, it changes nothing
    assert [path.read_bytes() for path in sorted(tls(site).glob("*.*")) if path.is_file()] == before
    capsys.readouterr()
    assert certs(site, "issued") == 0
    shown = capsys.readouterr()
    assert shown.out.count("old CA") == 4 and "appliance certs roll" in shown.err
    # Neither the end nor the box's own certificate before the devices.
    for refused in (["renew"], ["renew", "--for", "main pacs"], ["roll", "--finish"]):
        assert certs(site, *refused) == 78
        assert "CT suite 2" in capsys.readouterr().err
    found = standing(site, capsys)
    assert [each["device"] for each in found["devices"]] == ["CT suite 2", "main PACS"]
    assert found["box"] == ["receive", "main pacs"]
    assert found["left"] == [
        "appliance certs issue 'CT suite 2' --name ct.example",
        "appliance certs issue 'main PACS' --name main.example --server",
        "appliance certs renew --for receive",
        "appliance certs renew --for 'main pacs'",
        "appliance certs roll --finish",
    ]
    for number, line in enumerate(found["left"]):
        devices = [old / "ct-suite-2.crt", *new.glob("*.crt")]
        assert all(let_in(site, each) for each in devices)
        assert standing(site, capsys)["left"] == found["left"][number:]
        assert typed(site, line, *(["-d", new] if " issue " in line else [])) == 0
    assert not let_in(site, old / "ct-suite-2.crt") and let_in(site, new / "ct-suite-2.crt")
    assert subjects(tls(site) / "site-ca.crt") == [NEW]
    assert {issuer(tls(site) / f"appliance{kind}.crt") for kind in ("", "-client")} == {NEW}
    assert not list(tls(site).glob("site-ca.old.*"))
    assert standing(site, capsys, 0) == {
        "stage": "none", "signs": found["signs"], "goes": None, "devices": [], "box": [], "left": [], "turned_away": [],
    }  # fmt: skip
    assert run(["check", "--config", str(site)]) == 0
    assert "ca-roll-over" not in capsys.readouterr().out
    assert certs(site, "revoke", "CT suite 2") == 0 and not let_in(site, new / "ct-suite-2.crt")


def test_a_device_gets_both_cas_and_its_page_says_so(site: Path, tmp_path: Path) -> None:
    assert certs(site, "roll", "--begin") == 0
    assert certs(site, "issue", "CT suite 2", "--name", "ct.example", "-d", directory(tmp_path / "new")) == 0
    assert subjects(tmp_path / "new/ct-suite-2.crt") == ["CN=CT suite 2", NEW, OLD]
    page = (tmp_path / "new/ct-suite-2.txt").read_text()
    assert f'Trusted CA           "{NEW}",' in page and f'Trusted CA, too      "{OLD}",' in page
    assert len(page.splitlines()) <= 60 and max(map(len, page.splitlines())) <= 100
    assert certs(site, "issue", "MR", "--name", "mr.example", "--pkcs12", "-d", tmp_path / "new") == 0
    assert (tmp_path / "new/mr.p12").exists()


def test_the_old_ca_still_revokes_and_serves_the_box_in_need(site: Path, tmp_path: Path, capsys: Capture) -> None:
    old = tmp_path / "old"
    assert certs(site, "roll", "--begin") == 0
    assert certs(site, "issue", "MR", "--name", "mr.example", "-d", tmp_path) == 0
    assert certs(site, "revoke", "CT suite 2", "MR") == 78
    assert "they are of two CAs" in capsys.readouterr().err
    assert certs(site, "revoke", "CT suite 2") == 0
    assert not let_in(site, old / "ct-suite-2.crt") and let_in(site, tmp_path / "mr.crt")
    assert certs(site, "revoke", "MR") == 0
    assert not let_in(site, tmp_path / "mr.crt")
    assert [each["device"] for each in standing(site, capsys)["devices"]] == ["main PACS"]
    old_key = ("--ca-key", tls(site) / "site-ca.old.key")
    assert certs(site, "renew", *old_key) == 0 and issuer(tls(site) / "appliance.crt") == OLD
    assert certs(site, "issue", "US", "--name", "us.example", *old_key, "-d", tmp_path) == 78
    assert "is the key of the CA that is being replaced" in capsys.readouterr().err
    assert certs(site, "renew", "--force") == 0 and issuer(tls(site) / "appliance.crt") == NEW
    # Where the old key is lost, who stole the PACS is kept out by the end of its CA.
    (tls(site) / "site-ca.old.key").unlink()
    assert certs(site, "revoke", "main PACS") == 78
    assert "site-ca.old.key" in capsys.readouterr().err
    capsys.readouterr()
    assert certs(site, "roll", "--finish", "--force", "--json") == 0
    assert json.loads(capsys.readouterr().out)["turned_away"] == ["main PACS"]
    assert certs(site, "issued", "--json") == 0
    states = {(each["device"], each["state"]) for each in json.loads(capsys.readouterr().out) if not each["own"]}
    assert states == {("CT suite 2", "not trusted"), ("main PACS", "not trusted"), ("MR", "revoked")}
    assert certs(site, "revoke", "main PACS") == 78
    assert "of a CA that was replaced, and is refused already" in capsys.readouterr().err
    config = load_config(site)
    assert Register(tls(site) / "site-ca.crt", config.receive.client_crl).in_use() == {}


def test_the_new_key_is_kept_as_the_old_one_is(site: Path, tmp_path: Path, capsys: Capture) -> None:
    one, two = (secret_file(tmp_path / name, f"korrekt {name}") for name in ("one", "two"))
    assert certs(site, "protect", "--passphrase-file", one) == 0
    capsys.readouterr()
    assert certs(site, "roll", "--begin") == 70  # nobody is there to type one
    assert "there is no terminal" in capsys.readouterr().err
    assert subjects(tls(site) / "site-ca.crt") == [OLD]
    assert certs(site, "roll", "--begin", "--passphrase-file", two) == 0
    assert "no passphrase" not in capsys.readouterr().err
    for name in ("site-ca.key", "site-ca.old.key"):
        assert b"ENCRYPTED" in (tls(site) / name).read_bytes()
    assert certs(site, "issue", "MR", "--name", "mr.example", "-d", tmp_path, "--passphrase-file", one) == 65
    assert certs(site, "issue", "MR", "--name", "mr.example", "-d", tmp_path, "--passphrase-file", two) == 0
    assert issuer(tmp_path / "mr.crt") == NEW
    assert certs(site, "revoke", "CT suite 2", "--passphrase-file", one) == 0
    # In clear, where the old one was; and asked for where it was not there to look at.
    capsys.readouterr()
    assert certs(site, "roll", "--finish", "--force") == 0
    assert f"{OLD} is not trusted any more. Turned away: main PACS." in capsys.readouterr().out
    (tls(site) / "site-ca.key").rename(tmp_path / "stick.key")
    seen = on_a_terminal("certs", "roll", "--begin", "--config", site,
                         typing=[("New passphrase:", "korrekt pferd"), ("once more:", "korrekt pferd")])  # fmt: skip
    assert seen.status == 0 and b"ENCRYPTED" in (tls(site) / "site-ca.key").read_bytes()
    assert subjects(tls(site) / "site-ca.crt") == [NEW.replace(" 2 ", " 3 "), NEW]


def test_a_key_in_clear_is_followed_by_one_in_clear_and_both_are_told_of(site: Path, capsys: Capture) -> None:
    assert certs(site, "roll", "--begin") == 0
    assert "`appliance certs protect`" in capsys.readouterr().err
    for gone in ("site-ca.key", "site-ca.old.key"):
        assert run(["check", "--config", str(site)]) == 0
        assert "ca-key-on-box" in capsys.readouterr().out
        (tls(site) / gone).unlink()
    assert run(["check", "--config", str(site)]) == 0
    assert "ca-key-on-box" not in capsys.readouterr().out


@pytest.mark.parametrize(("left", "line"), [("begin", "appliance certs roll --begin"), ("end", "appliance certs roll "
                                            "--finish")])  # fmt: skip
def test_a_step_that_was_cut_short_is_told_with_what_goes_on(
    site: Path, tmp_path: Path, left: str, line: str, capsys: Capture
) -> None:
    directory_of_ca, copy = tls(site), tls(site) / "site-ca.old.crt"
    if left == "begin":  # the new CA is trusted, and its key is not in its place yet
        assert certs(site, "roll", "--begin") == 0
        (directory_of_ca / "site-ca.key").rename(directory_of_ca / "site-ca.next.key")
        (directory_of_ca / "site-ca.old.key").rename(directory_of_ca / "site-ca.key")
        assert certs(site, "issue", "MR", "--name", "mr.example", "-d", tmp_path) == 78
        assert "a roll-over of the CA was cut short" in capsys.readouterr().err
    else:
        copy.write_bytes(Authority.create("gone").certificate)
    assert run(["check", "--config", str(site)]) == 0
    assert "a roll-over of the CA was cut short" in " ".join(capsys.readouterr().out.split())
    assert standing(site, capsys)["left"] == [line]
    assert certs(site, "roll") == 1
    assert "was cut short" in capsys.readouterr().out
    if left == "end":
        assert certs(site, "roll", "--begin") == 78
    assert typed(site, line) == 0
    if left == "begin":
        assert certs(site, "issue", "MR", "--name", "mr.example", "-d", tmp_path) == 0
        assert issuer(tmp_path / "mr.crt") == NEW
    else:
        assert not copy.exists()


def test_who_is_not_due_and_who_is_no_device_any_more_does_not_hold_it_up(site: Path, capsys: Capture) -> None:
    authority = Authority.load(*((tls(site) / f"site-ca.{kind}").read_bytes() for kind in ("crt", "key")))
    now = datetime.now(UTC)
    expired = authority.issue("US", ["us.example"], client=True, now=now, lifetime=timedelta(seconds=-3600))
    Register(tls(site) / "site-ca.crt", None).add(expired.certificate)
    assert certs(site, "revoke", "CT suite 2") == 0
    assert certs(site, "roll", "--begin") == 0
    assert [each["device"] for each in standing(site, capsys)["devices"]] == ["main PACS"]


@pytest.mark.parametrize(
    ("days", "level", "finding"), [(800, "ok", ""), (700, "ok", "soon"), (300, "warn", "due"), (80, "alarm", "due")]
)
def test_the_end_of_the_ca_is_told_with_what_begins_the_next(
    site: Path, days: int, level: str, finding: str, capsys: Capture
) -> None:
    ending = Authority.create("EDGE01 site CA (built into the appliance)", lifetime=timedelta(days=days))
    (tls(site) / "site-ca.crt").chmod(0o600)
    (tls(site) / "site-ca.crt").write_bytes(ending.certificate)
    capsys.readouterr()
    certs(site, "status", "--json")
    (shown,) = [each for each in json.loads(capsys.readouterr().out) if each["place"] == "receive.client_ca"]
    assert shown["level"] == level and ("appliance certs roll --begin" in shown["fix"]) == (level != "ok")
    assert ("ca-roll-over-due" in str(shown["problems"])) == (finding == "due")
    run(["check", "--config", str(site)])
    assert re.findall(r"\[ca-roll-over-(\w+)\]", capsys.readouterr().out) == ([finding] if finding else [])


def test_a_hospital_replaces_its_own(tmp_path: Path, capsys: Capture) -> None:
    site = make_site(tmp_path / "site", ca=False)
    ca = tls(site) / "site-ca.crt"
    assert certs(site, "roll") == 78
    ca.write_bytes(Authority.create("Hospital CA").certificate)
    capsys.readouterr()
    assert certs(site, "roll", "--begin") == 78
    assert "CN=Hospital CA, the first in" in capsys.readouterr().err
    assert [path.name for path in tls(site).iterdir()] == ["site-ca.crt"]
    assert certs(site, "roll", "--begin", "--finish") == 2
    assert certs(site, "roll", "--force") == 2


def test_without_a_list_in_force_it_says_who_would_be_refused(site: Path, capsys: Capture) -> None:
    """A list of one CA alone, put in force between the two, would turn away every device of the other."""
    (tls(site) / "site-ca.crl").unlink()
    site.write_text(re.sub("(?m)^client_crl.*\n", "", site.read_text()))
    assert certs(site, "roll", "--begin") == 0
    capsys.readouterr()
    assert certs(site, "revoke", "CT suite 2") == 0
    said = capsys.readouterr().err
    assert f"All devices of {NEW} are refused while" in said and "NOT in force yet" in said


def test_the_sensor_knows_both_cas_while_a_roll_over_is_under_way(site: Path) -> None:
    seen = site.parent / "site-ca.crt"  # as `init` made it
    site.write_text(f'{site.read_text()}\n[sensor]\ninterface = "eth1"\nca = "{seen}"\n')
    assert certs(site, "roll", "--begin") == 0
    assert [each.subject for each in read_certificates(seen.read_bytes())] == [NEW, OLD]
    assert certs(site, "roll", "--finish", "--force") == 0
    assert [each.subject for each in read_certificates(seen.read_bytes())] == [NEW]


def test_what_the_sensor_and_a_destination_read_of_the_cas_follows(site: Path, tmp_path: Path) -> None:
    seen, copy = site.with_name("site-ca.crt"), tmp_path / "pacs-ca.crt"
    copy.write_bytes(Authority.create("Hospital CA").certificate + (tls(site) / "site-ca.crt").read_bytes())
    text = site.read_text().replace(f'\nca = "{tls(site)}/site-ca.crt"', f'\nca = "{copy}"')
    site.write_text(text + f'\n[sensor]\ninterface = "lo"\nmode = "host"\nca = "{seen}"\n')
    assert subjects(seen) == [OLD]
    assert certs(site, "roll", "--begin") == 0
    assert (subjects(seen), subjects(copy)) == ([NEW, OLD], [NEW, "CN=Hospital CA", OLD])
    assert certs(site, "roll", "--finish", "--force") == 0
    assert (subjects(seen), subjects(copy)) == ([NEW], [NEW, "CN=Hospital CA"])
