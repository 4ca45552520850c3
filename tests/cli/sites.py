"""First configurations for tests of the commands."""

from __future__ import annotations

from pathlib import Path

from appliance.cli.main import run


def make_site(directory: Path, *options: str, ca: bool = True) -> Path:
    """What `appliance init` makes in `directory`; the path of the configuration."""
    arguments = ["--dir", directory, "--state-dir", directory / "state"]
    arguments += ["--recovery-file", directory / "kit", "--name", "edge.example"]
    assert run(["init", *map(str, arguments), *(["--with-ca"] if ca else []), *options]) == 0
    return directory / "appliance.toml"
