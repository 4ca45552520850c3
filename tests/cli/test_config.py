"""`appliance config` shows what counts, and its schema takes what `init` writes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from appliance.cli.main import run
from appliance.config.load import load_config, parse_config
from appliance.config.model import Config
from appliance.config.passcode import make_passcode
from tests.cli.sites import make_site

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("how", ["--effective", "--diff"])
def test_what_is_shown_loads_to_the_same(tmp_path: Path, how: str, capsys: Capture) -> None:
    site = make_site(tmp_path / "site")
    capsys.readouterr()
    assert run(["config", "show", how, "--config", str(site)]) == 0
    text = capsys.readouterr().out
    again, config = parse_config(text.encode()), load_config(site)
    assert all(getattr(again, name) == getattr(config, name) for name in Config.model_fields)
    assert ("idle" in text) == (how == "--effective")
    assert run(["config", "show", how, "--json", "--config", str(site)]) == 0
    assert json.loads(capsys.readouterr().out) == tomllib.loads(text)


@pytest.mark.parametrize("how", ["--effective", "--diff"])
def test_passcodes_are_shown_to_who_asks_for_them_alone(tmp_path: Path, how: str, capsys: Capture) -> None:
    site, kept = make_site(tmp_path / "site"), make_passcode(b"geheim", bytes(16))
    identity = f'{{ type = "username+passcode", passcodes = {{ ct = "{kept}" }} }}'
    with site.open("a") as file:
        file.write(f'[[peer]]\nname = "CT"\nae_titles = ["CT"]\naddresses = ["10.1.1.1"]\nuser_identity = {identity}\n')
    for more in ([], ["--json"]):
        capsys.readouterr()
        assert run(["config", "show", how, *more, "--config", str(site)]) == 0
        text = capsys.readouterr().out
        assert "scrypt:" not in text and "(not shown)" in text
    assert run(["config", "show", how, "--passcodes", "--config", str(site)]) == 0
    assert parse_config(capsys.readouterr().out.encode()).peer == load_config(site).peer


def test_the_schema_is_printed(tmp_path: Path, capsys: Capture) -> None:
    site = make_site(tmp_path / "site")
    capsys.readouterr()
    assert run(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema).validate(tomllib.loads(site.read_text()))


def test_a_broken_file_is_said(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.toml").write_text("[appliance]\n")
    assert run(["config", "show", "--config", str(tmp_path / "a.toml")]) == 78
    assert "appliance.ae_title: missing" in capsys.readouterr().err
