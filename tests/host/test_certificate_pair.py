"""An installation that a power cut ends between its two names: the pair that belongs together is used all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.host import tls
from appliance.host.certificate_pair import half_installed, install_pair
from appliance.host.certificates import Authority, Issued
from tests.host.handshakes import handshake

AUTHORITY = Authority.create("Site CA")


class Cut(Exception):
    """The power goes."""


def issued(name: str) -> Issued:
    return AUTHORITY.issue(name, [name], server=True, client=True)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Certificate and key in directories of their own."""
    for name in ("certs", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate)
    issued("old.example").write(tmp_path / "certs" / "box.crt", tmp_path / "keys" / "box.key")
    return tmp_path / "certs" / "box.crt", tmp_path / "keys" / "box.key"


def served(pair: tuple[Path, Path], name: str) -> None:
    """A client that wants this name gets it."""
    authority = pair[0].parent.parent / "ca.crt"
    handshake(tls.server_context(*pair, authority), tls.client_context(authority, *pair), name)


def cut_after(names: int, pair: tuple[Path, Path], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of which `names` of the two names changed over."""
    fresh, done, real = issued(name), [], Path.replace

    def replace(path: Path, target: Path) -> Path:
        if len(done) == names:
            raise Cut
        done.append(path)
        return real(path, target)

    with monkeypatch.context() as patch, pytest.raises(Cut):
        patch.setattr(Path, "replace", replace)
        install_pair(pair[0], fresh.certificate, pair[1], fresh.key)


def test_before_the_first_name_the_old_pair_is_used(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    cut_after(0, pair, "new.example", monkeypatch)
    served(pair, "old.example")
    assert half_installed(*pair) is None


def test_between_the_names_the_new_pair_is_used(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    cut_after(1, pair, "new.example", monkeypatch)
    assert half_installed(*pair) is not None
    served(pair, "new.example")


def test_where_the_medium_kept_the_other_name_alone_the_new_pair_is_used(pair: tuple[Path, Path]) -> None:
    fresh = issued("new.example")
    pair[1].with_name("box.key.new").write_bytes(fresh.key)
    pair[0].unlink()
    pair[0].write_bytes(fresh.certificate)
    served(pair, "new.example")


def test_the_next_installation_ends_the_one_that_was_cut(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_after(1, pair, "new.example", monkeypatch)
    cut_after(
        2, pair, "newer.example", monkeypatch
    )  # its first name change is the one that was missing; then the key's
    served(pair, "newer.example")
    last = issued("last.example")
    install_pair(pair[0], last.certificate, pair[1], last.key)
    served(pair, "last.example")
    assert not list(pair[0].parent.parent.rglob("*.new"))


def test_what_lies_beside_and_does_not_fit_is_not_used(pair: tuple[Path, Path]) -> None:
    pair[0].with_name("box.crt.new").write_bytes(issued("other.example").certificate)
    served(pair, "old.example")
    pair[1].unlink()
    pair[1].write_bytes(issued("third.example").key)
    with pytest.raises(ConfigError, match=r"cannot use certificate .*box\.crt with key .*box\.key"):
        tls.server_context(*pair, pair[0].parent.parent / "ca.crt")
