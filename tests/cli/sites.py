"""First configurations for tests of the commands."""

from __future__ import annotations

from pathlib import Path

from appliance.cli.main import run

PACS = """
[[destination]]
name = "{name}"
kind = "dimse"
address = "pacs.example:2762"
ae_title = "PACS"
ca = "{tls}/site-ca.crt"
certificate = "{tls}/appliance-client.crt"
key = "{tls}/appliance-client.key"
"""
"""A destination; `format` it with its name and the directory of certificates."""


def make_site(directory: Path, *options: str, ca: bool = True) -> Path:
    """What `appliance init` makes in `directory`; the path of the configuration."""
    arguments = ["--dir", directory, "--state-dir", directory / "state"]
    arguments += ["--recovery-file", directory / "kit", "--name", "edge.example"]
    assert run(["init", *map(str, arguments), *(["--with-ca"] if ca else []), *options]) == 0
    return directory / "appliance.toml"
