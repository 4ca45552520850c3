"""Secrets come from files that only we may read, or from systemd."""

from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.host.credentials import read_secret


def secret(path: Path, text: str, mode: int = 0o400) -> str:
    path.write_text(text)
    path.chmod(mode)
    return f"file:{path}"


def test_a_secret_is_one_line_besides_comments(tmp_path: Path) -> None:
    assert read_secret(secret(tmp_path / "k", "# made today\nSECRET-1\n\n")) == "SECRET-1"


@pytest.mark.parametrize("mode", [0o404, 0o440 | 0o020, 0o402])
def test_a_secret_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="others may read or change"):
        read_secret(secret(tmp_path / "k", "SECRET-1", mode))


@pytest.mark.parametrize("text", ["", "# nothing\n", "A\nB\n", "Ä"])
def test_what_is_no_secret_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_secret(secret(tmp_path / "k", text))
    assert "Ä" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"file:{tmp_path}/none: No such file"):
        read_secret(f"file:{tmp_path}/none")


def test_systemd_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "identity").write_text("SECRET-2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret("credential:identity") == "SECRET-2"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(ConfigError, match="was given none"):
        read_secret("credential:identity")
