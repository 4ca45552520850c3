"""A hospital with a CA of its own, from `init` to a configuration that can be used, by what the commands say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from appliance.cli import hand_over
from appliance.cli.main import run
from tests.cli.sites import PACS, make_site
from tests.cli.test_certs import certs, of_the_hospital, openssl, sign, tls

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    made = make_site(tmp_path / "site", ca=False)
    made.write_text(made.read_text() + PACS.format(name="pacs", tls=tls(made)))
    return made


@pytest.fixture
def hospital(tmp_path: Path) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
    """A root and an issuing CA, the certificates as Windows saves them (DER)."""
    root = of_the_hospital(tmp_path, "Hospital Root")
    key, request = tmp_path / "issuing.key", tmp_path / "issuing.csr"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Issuing CA",
            "-keyout", key, "-out", request)  # fmt: skip
    usage = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    issuing = sign(request, root, tmp_path / "issuing.pem", *usage)
    return (root[0], as_der(root[1])), (key, as_der(issuing))


def as_der(pem: Path) -> Path:
    out = pem.with_suffix(".cer")
    openssl("x509", "-in", pem, "-outform", "DER", "-out", out)
    return out


def test_from_init_to_a_configuration_that_can_be_used(
    site: Path, tmp_path: Path, hospital: tuple[tuple[Path, Path], tuple[Path, Path]], capsys: Capture
) -> None:
    (_, root), issuing = hospital
    assert certs(site, "request", "--name", "edge.example", "-o", tmp_path / "edge.csr") == 0
    leaf = as_der(sign(tmp_path / "edge.csr", issuing, tmp_path / "edge.pem"))
    capsys.readouterr()
    assert certs(site, "install", leaf) == 78
    assert "`appliance certs trust`" in capsys.readouterr().err
    assert certs(site, "trust", root) == 0
    assert "trusted CN=Hospital Root, until " in capsys.readouterr().out
    assert certs(site, "install", leaf) == 65
    said = capsys.readouterr().err
    assert "the certificate of CN=Issuing CA is missing. Name that file behind this one" in said
    assert certs(site, "install", leaf, issuing[1]) == 0
    assert certs(site, "request", "--for", "pacs", "-o", tmp_path / "client.csr") == 0  # its names are known by now
    client = as_der(sign(tmp_path / "client.csr", issuing, tmp_path / "client.pem"))
    assert certs(site, "install", "--for", "pacs", client, issuing[1]) == 0
    capsys.readouterr()
    assert run(["check", "--config", str(site)]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("installed", [True, False])
def test_new_files_are_handed_to_their_programs_where_the_units_are(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    called, rules = tmp_path / "called", tmp_path / "appliance.conf"
    tool = tmp_path / "systemd-tmpfiles"
    tool.write_text(f'#!/bin/sh\necho "$@" >>{called}\nexit 73\n')
    tool.chmod(0o755)
    if installed:
        rules.touch()
    monkeypatch.setattr(shutil, "which", lambda _: str(tool))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(hand_over, "RULES", rules)
    monkeypatch.setattr(hand_over, "DIRECTORY", tmp_path / "etc")
    hand_over.hand_over(tmp_path / "elsewhere")
    assert not called.exists()
    hand_over.hand_over(tmp_path / "etc/tls/appliance.key")
    assert called.exists() == installed
    if installed:
        assert called.read_text() == "--create appliance.conf\n"
        assert "systemd-tmpfiles --create appliance.conf" in capsys.readouterr().err
