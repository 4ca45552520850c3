"""The roll-over of the built-in CA, cut at each of its steps: no device is turned away, and the same step goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.base.errors import CryptoError, LocalError
from appliance.host.certificates import Authority, Issued
from appliance.host.revocation import without_list
from appliance.host.revoking import revoke
from appliance.host.rollover import Rollover, Stage

NAME = "EDGE01 site CA{} (built into the appliance)"
HOSPITAL = Authority.create("Hospital CA")
DIED = 9


class Place:
    """A directory as `init` makes it, with a hospital's CA beside the built-in one, and a second file of CAs."""

    def __init__(self, root: Path, *, lists: bool = True) -> None:
        root.mkdir()
        self.old, self.new = Authority.create(NAME.format("")), Authority.create(NAME.format(" 2"))
        self.root = root
        self.ca, self.crl, self.other = (root / name for name in ("site-ca.crt", "site-ca.crl", "pacs-ca.crt"))
        self.ca.write_bytes(self.old.certificate + HOSPITAL.certificate)
        self.other.write_bytes(HOSPITAL.certificate + self.old.certificate)
        if lists:
            self.crl.write_bytes(revoke(HOSPITAL, revoke(self.old, b"", []), []))
        (root / "site-ca.key").write_bytes(self.old.key)
        self.rollover = Rollover(self.ca, self.crl, [self.ca, self.other, root / "nowhere.crt"])
        self.devices = [
            each.issue("CT", ["ct.example"], client=True) for each in (self.old, self.new, HOSPITAL)
        ]  # fmt: skip

    def begin(self) -> None:
        """As the command does it."""
        if self.rollover.stage() is Stage.OPEN:
            self.rollover.settle()
        else:
            self.rollover.begin(self.new, self.new.key, datetime.now(UTC))

    def let_in(self) -> list[bool]:
        """Who gets in: a device of the old CA, one of the new, one of the hospital."""
        return [self._let_in(each) for each in self.devices]

    def _let_in(self, device: Issued) -> bool:
        leaf = self.root / "leaf.pem"
        leaf.write_bytes(device.certificate)
        lists = ["-crl_check", "-CRLfile", self.crl] if self.crl.exists() else []
        command = ["openssl", "verify", "-partial_chain", *lists, "-CAfile", self.ca, leaf]
        return subprocess.run(list(map(str, command)), capture_output=True).returncode == 0

    def files(self) -> dict[str, bytes]:
        """What lies there, leftovers of a cut write aside, which the next write of the file takes away."""
        ours = (each for each in self.root.iterdir() if not each.name.endswith((".new", "leaf.pem")))
        return {each.name: each.read_bytes() for each in ours}


def cut(step: Callable[[], None], after: int) -> bool:
    """Do it in a process that dies before the change of a name which has the number `after`; whether it did."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event: str, _: object) -> None:
            nonlocal seen
            if event in ("os.rename", "os.remove"):
                if seen == after:
                    os._exit(DIED)
                seen += 1

        sys.addaudithook(count)
        try:
            step()
        except BaseException:  # what it was is said by the status
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, DIED)
    return status == DIED


def test_the_three_states(tmp_path: Path) -> None:
    place = Place(tmp_path / "tls")
    assert place.rollover.stage() is Stage.NONE and place.let_in() == [True, False, True]
    place.begin()
    assert place.rollover.stage() is Stage.OPEN and place.let_in() == [True, True, True]
    assert place.ca.read_bytes() == place.new.certificate + place.old.certificate + HOSPITAL.certificate
    assert place.other.read_bytes() == place.new.certificate + HOSPITAL.certificate + place.old.certificate
    assert without_list(place.ca.read_bytes(), place.crl.read_bytes()) == ()
    assert place.rollover.key.read_bytes() == place.new.key and place.rollover.old_key.read_bytes() == place.old.key
    assert oct(place.rollover.key.stat().st_mode)[-3:] == "400"
    place.rollover.finish()
    assert place.rollover.stage() is Stage.NONE and place.let_in() == [False, True, True]
    assert place.ca.read_bytes() == place.other.read_bytes() == place.new.certificate + HOSPITAL.certificate
    assert sorted(place.files()) == ["pacs-ca.crt", "site-ca.crl", "site-ca.crt", "site-ca.key"]
    assert place.crl.read_bytes().count(b"BEGIN X509 CRL") == 2
    assert place.rollover.key.read_bytes() == place.new.key


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("key", [True, False])
def test_a_cut_at_each_step_turns_nobody_away_and_the_same_step_goes_on(tmp_path: Path, lists: bool, key: bool) -> None:
    number = cuts = 0
    while True:
        place = Place(tmp_path / f"begin {number}", lists=lists)
        if not key:
            (place.root / "site-ca.key").unlink()  # it was moved off the box
        died = cut(place.begin, number)
        old, new, hospital = place.let_in()
        assert old and hospital, number
        assert new == (place.rollover.stage() is Stage.OPEN), number
        place.begin()
        assert place.rollover.stage() is Stage.OPEN and place.let_in() == [True, True, True]
        assert place.rollover.key.read_bytes() == place.new.key and place.rollover.old_key.exists() == key
        if not died:
            break
        cuts, number = cuts + 1, number + 1
    assert cuts >= 5  # key, copy, CAs, the other file, and the key's own name
    number = cuts = 0
    while True:
        place = Place(tmp_path / f"finish {number}", lists=lists)
        place.begin()
        died = cut(place.rollover.finish, number)
        old, new, hospital = place.let_in()
        assert new and hospital, number
        assert old == (place.rollover.stage() is Stage.OPEN), number
        place.rollover.finish()
        assert place.rollover.stage() is Stage.NONE and place.let_in() == [False, True, True]
        assert {"site-ca.old.key", "site-ca.old.crt", "site-ca.next.key"}.isdisjoint(place.files())
        if not died:
            break
        cuts, number = cuts + 1, number + 1
    assert cuts >= 4


def test_a_list_that_cannot_be_read_stops_it_before_anything_is_changed(tmp_path: Path) -> None:
    place = Place(tmp_path / "tls")
    good = place.crl.read_bytes()
    for step in (place.begin, place.rollover.finish):
        place.crl.write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
        before = place.files()
        with pytest.raises(CryptoError, match="malformed"):
            step()
        assert place.files() == before
        place.crl.write_bytes(good)
        if step == place.begin:
            step()
            good = place.crl.read_bytes()


def test_a_key_that_lies_where_the_old_one_goes_is_not_overwritten(tmp_path: Path) -> None:
    place = Place(tmp_path / "tls")
    place.rollover.old_key.write_text("precious")
    before = place.files()
    with pytest.raises(LocalError, match="exists already"):
        place.begin()
    assert place.files() == before


def test_one_roll_over_after_the_other(tmp_path: Path) -> None:
    place = Place(tmp_path / "tls")
    for number in (2, 3):
        place.new = Authority.create(NAME.format(f" {number}"))
        place.begin()
        place.rollover.finish()
    assert place.ca.read_bytes() == place.new.certificate + HOSPITAL.certificate
    assert without_list(place.ca.read_bytes(), place.crl.read_bytes()) == ()
