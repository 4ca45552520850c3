"""`make install`: what it puts onto a machine is what the README lists, and all of it goes again."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.units.machine import REPOSITORY, UNITS


def install(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([UNITS / "install", *map(str, arguments)], capture_output=True, text=True)


def placed(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def test_every_file_of_this_directory_goes_where_systemd_looks(tmp_path: Path) -> None:
    done = install("--root", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = placed(tmp_path)
    ours = {path.name for path in UNITS.rglob("*") if path.is_file()} - {"README.md", "install"}
    assert ours <= {Path(name).name for name in found}
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o644 for name in found)
    table = (UNITS / "README.md").read_text()
    for names, directory in re.findall(r"^\| (`[^|]+`) \| `(/usr[^`]+)`", table, re.MULTILINE):
        for pattern in re.findall(r"`([^`]+)`", names):
            for path in UNITS.glob(pattern):
                assert f"{directory.strip('/')}/{path.name}" in found, (pattern, directory)
    # What the units and the catalog call their documentation.
    for name in set(
        re.findall(r"file:///(usr/share/doc/\S+)", "".join((tmp_path / each).read_text() for each in found))
    ):
        assert name in found


def test_the_documents_lie_as_in_the_clone(tmp_path: Path) -> None:
    install("--root", tmp_path)
    documents = tmp_path / "usr/share/doc/pacs-appliance"
    for pattern in ("*.md", "docs/*.md", "systemd/README.md", "firmware-config/**/*"):
        for path in REPOSITORY.glob(pattern):
            assert path.is_dir() or (documents / path.relative_to(REPOSITORY)).read_bytes() == path.read_bytes()


def test_it_takes_away_what_it_put_and_nothing_else(tmp_path: Path) -> None:
    install("--root", tmp_path)
    mine = tmp_path / "usr/lib/systemd/system/other.service"
    mine.write_text("[Unit]\n")
    (tmp_path / "etc/systemd/system/appliance.target.wants").mkdir(parents=True)
    enabled = tmp_path / "etc/systemd/system/appliance.target.wants/appliance-receive.service"
    enabled.symlink_to("/usr/lib/systemd/system/appliance-receive.service")
    assert install("--root", tmp_path, "--remove").returncode == 0
    assert not enabled.is_symlink()
    assert placed(tmp_path) == {"usr/lib/systemd/system/other.service"}


def test_another_word_is_a_mistake(tmp_path: Path) -> None:
    done = install("--rot", tmp_path)
    assert done.returncode == 64 and "usage:" in done.stderr
    assert not placed(tmp_path)


def test_the_makefile_has_both() -> None:
    text = (REPOSITORY / "Makefile").read_text()
    assert "@systemd/install\n" in text and "@systemd/install --remove\n" in text
