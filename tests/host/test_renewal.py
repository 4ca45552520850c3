"""Files that were replaced are noticed once, when they have come to rest."""

from __future__ import annotations

from pathlib import Path

from appliance.host.renewal import Renewal


def replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def test_a_pair_is_noticed_when_both_are_there(tmp_path: Path) -> None:
    certificate, key = tmp_path / "a.crt", tmp_path / "a.key"
    certificate.write_text("1")
    key.write_text("1")
    renewal = Renewal([certificate, key])
    assert not renewal.due()
    replace(certificate, "2")
    assert not renewal.due()  # it has just changed
    replace(key, "2")
    assert not renewal.due()
    assert renewal.due()
    assert not renewal.due()


def test_a_file_that_goes_and_comes_back_as_it_was_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "a.crl"
    path.write_text("1")
    renewal = Renewal([path])
    path.rename(tmp_path / "aside")
    assert not renewal.due()
    (tmp_path / "aside").rename(path)
    assert not renewal.due()
    path.unlink()
    assert not renewal.due()
    assert renewal.due()
