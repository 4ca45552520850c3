from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from appliance.cli.main import run
from tests.cli.sites import make_site


def test_a_first_configuration_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_site(tmp_path)
    capsys.readouterr()
    assert run(["check", "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == f"ok: {config} can be used: 0 errors, 4 warnings, 3 notes"
    assert "warning peer: no device may send [no-peer]\n  why: Every association" in out
    assert "theft: not protected" in out
    assert "\x1b" not in out


def test_findings_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_site(tmp_path)
    capsys.readouterr()
    assert run(["check", "--config", str(config), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["config"], said["mistakes"]) == (True, str(config), [])
    assert {"no-peer", "no-destination", "theft-not-protected"} <= {each["id"] for each in said["findings"]}
    assert set(said["findings"][0]) == {"id", "severity", "subject", "what", "why", "fix"}


def test_a_finding_that_is_an_error_is_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_site(tmp_path)
    (tmp_path / "tls" / "appliance.key").unlink()
    capsys.readouterr()
    assert run(["check", "--config", str(config)]) == 78
    out = capsys.readouterr().out
    assert out.startswith(
        f"error receive.key: {tmp_path}/tls/appliance.key: No such file or directory [file-unreadable]\n"
    )
    assert out.splitlines()[-1].startswith(f"not ok: {config} can be read, and not used as it is: 1 error, ")


def changes(root: Path) -> dict[Path, tuple[int, int, int]]:
    """When each file was changed last."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_ctime_ns, path.stat().st_size) for path in root.rglob("*")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look as somebody else")
def test_a_plain_user_hears_what_is_not_known_and_nothing_is_touched(capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        config = make_site(root)
        config.chmod(0o644)
        for name, mode in (("keys", 0o700), ("tls", 0o755)):
            (root / name).chmod(mode)
        assert run(["check", "--config", str(config), "--json"]) == 0
        capsys.readouterr()
        before = changes(root)
        os.setegid(65534)
        os.seteuid(65534)
        try:
            status = run(["check", "--config", str(config), "--json"])
        finally:
            os.seteuid(0)
            os.setegid(0)
        assert changes(root) == before
        findings = {each["id"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
        assert status == 0
        assert not {"file-unreadable", "state-dir-unusable", "ca-key-on-box"} & findings.keys()
        unknown = findings["not-looked-at"]["what"]
        assert all(str(root / each) in unknown for each in ("tls/appliance.key", "keys/index-key", "tls/site-ca.key"))


def test_what_goes_to_the_collector_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = make_site(tmp_path)
    with config.open("a") as file:
        file.write('[alerts]\nsyslog = "tls://siem:6514"\nca = "/none/ca"\ncertificate = "/none/c"\nkey = "/none/k"\n')
    capsys.readouterr()
    assert run(["check", "--config", str(config), "--json"]) == 78
    findings = json.loads(capsys.readouterr().out)["findings"]
    missing = [each["subject"] for each in findings if each["id"] == "file-unreadable"]
    assert missing == ["alerts.certificate", "alerts.key", "alerts.ca"]


def test_mistakes_are_78_with_their_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "a.toml"
    config.write_text("[receive]\nworkrs = 1\n")
    assert run(["check", "--config", str(config)]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert f'{config}:2: receive.workrs: unknown key; did you mean "workers"?\n' in err
    assert err.endswith("appliance: error: the configuration has 4 mistakes\n")
    assert run(["check", "--config", str(config), "--json"]) == 78
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert said["mistakes"][-1]["line"] == 2
    assert said["mistakes"][-1]["key"] == "receive.workrs"


def test_the_file_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "elsewhere.toml"))
    assert run(["check"]) == 78
    assert f"{tmp_path}/elsewhere.toml: there is no such file" in capsys.readouterr().err
