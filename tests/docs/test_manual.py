"""The manual page has every command and every exit status, and man(7)'s readers take it."""

from __future__ import annotations

import shutil
import subprocess
from importlib import util
from pathlib import Path

import pytest

from appliance.base import errors

REPOSITORY = Path(__file__).parents[2]
spec = util.spec_from_file_location("manual", REPOSITORY / "docs/manual.py")
assert spec and spec.loader
manual = util.module_from_spec(spec)
spec.loader.exec_module(manual)


def test_every_command_is_in_it_with_its_options() -> None:
    page = manual.manual()
    names = [name for name, _, _ in manual.commands(manual.appliance)]
    assert len(names) > 35
    for name in names:
        assert f".SS {manual._roff(name)}\n" in page
    assert page.count("\\-\\-config FILE") > 15
    assert "program" not in names


def test_every_exit_status_of_ours_is_said() -> None:
    kinds = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.ApplianceError)
    ]
    assert {each.exit_status for each in kinds} <= manual.statuses().keys()
    assert (REPOSITORY / "docs/exit-status.md").read_text() == manual.exit_status(), (
        "python docs/manual.py --exit-status"
    )


def test_a_reader_of_manual_pages_takes_it(tmp_path: Path) -> None:
    (tmp_path / "appliance.1").write_text(manual.manual())
    if reader := shutil.which("groff"):
        command = [reader, "-man", "-ww", "-z", "-Tutf8", str(tmp_path / "appliance.1")]
    elif reader := shutil.which("mandoc"):
        command = [reader, "-T", "lint", "-W", "error", str(tmp_path / "appliance.1")]
    else:
        pytest.skip("neither groff nor mandoc is installed")
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
