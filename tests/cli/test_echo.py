"""`appliance echo` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.cli.main import run
from tests.delivery.upstream import Authority, StoreScp, free_port, tcp_to_localhost, tls_options
from tests.programs.test_forward import Box


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_pacs_that_answers_and_one_that_does_not(
    box: Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path / "pki")
    ours, theirs = authority.issue("edge"), authority.issue("pacs")
    with StoreScp(tmp_path / "upstream", tls_options(authority, theirs)) as upstream:
        pair = {"certificate": str(ours.certificate), "key": str(ours.key)}
        box.destination("pacs", upstream.port, ca=str(authority.certificate), **pair)
        box.destination("old", free_port())
        box.configure()
        assert run(["echo", "pacs", "--config", str(box.path)]) == 0
        shown = capsys.readouterr().out
        assert run(["echo", "pacs", "--json", "--config", str(box.path)]) == 0
        said = json.loads(capsys.readouterr().out)
    lines = shown.splitlines()
    assert lines[0] == f"pacs: dimse, localhost:{upstream.port}"
    tcp = {"ok": "✓", "warn": "!"}[tcp_to_localhost()]
    steps = [line for line in lines if line.startswith(("✓", f"{tcp} TCP"))]
    assert [line.split()[1] for line in steps] == ["DNS", "TCP", "TLS", "association", "C-ECHO"]
    assert all(" ms  " in line for line in steps)
    assert (said["destination"], said["ok"], len(said["steps"])) == ("pacs", True, 5)
    assert {"name", "result", "seconds", "what", "details", "hint"} == set(said["steps"][0])

    assert run(["echo", "old", "--timeout", "2s", "--config", str(box.path)]) == 69
    shown = capsys.readouterr().out
    assert "✗ TCP" in shown
    assert "→ The machine is there, and nothing listens" in shown


def test_a_name_that_nobody_has_and_a_key_that_is_broken(
    box: Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path / "pki")
    (tmp_path / "edge.key").write_text("no key")
    ours = authority.issue("edge")
    with StoreScp(tmp_path / "upstream", tls_options(authority, authority.issue("pacs"))) as upstream:
        pair = {"certificate": str(ours.certificate), "key": str(tmp_path / "edge.key")}
        box.destination("pacs", upstream.port, ca=str(authority.certificate), **pair)
        box.configure()
        assert run(["echo", "pasc", "--config", str(box.path)]) == 78
        assert 'did you mean "pacs"?' in capsys.readouterr().err
        assert run(["echo", "pacs", "--config", str(box.path)]) == 69
        shown = capsys.readouterr().out
    assert "✗ TLS" in shown
    assert "cannot use certificate" in shown
    assert run(["echo", "pacs", "--timeout", "soon", "--config", str(box.path)]) == 2
