from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import __version__
from appliance.cli import main
from appliance.cli.main import COMMANDS, Entry, run


@pytest.fixture(autouse=True)
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "faulty", Entry("tests.cli.faulty", "End in some way.", hidden=True))


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("well", 0, ""),
        ("exit", 5, ""),
        ("context exit", 6, ""),
        ("text", 1, ""),
        ("foreseen", 74, "appliance: error: the medium is full. Make room.\n"),
    ],
)
def test_a_command_ends_with_its_status(how: str, status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["faulty", how]) == status
    out, err = capsys.readouterr()
    assert (out, err) == ("done\n" if how == "well" else "", said)


def test_ctrl_c_is_130_and_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["faulty", "interrupted"]) == 130
    assert capsys.readouterr().err.strip() == ""


def test_an_unforeseen_error_is_named_and_its_text_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["faulty", "unforeseen"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("appliance: error: unforeseen KeyError in command, faulty.py:")
    assert "MUELLER" not in err
    monkeypatch.setenv(main.TRACEBACK, "1")
    run(["faulty", "unforeseen"])
    assert "MUELLER" in capsys.readouterr().err


def test_a_broken_connection_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["faulty", "connection"]) == 74
    assert capsys.readouterr().err == "appliance: error: a connection broke\n"


def test_what_the_system_refuses_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["faulty", "refused"]) == 77
    said = "appliance: error: Permission denied: /x. Run this as root (sudo), or as its owner.\n"
    assert capsys.readouterr().err == said


def test_a_full_or_closed_output_is_no_crash() -> None:
    for redirect, status, said in ((">/dev/full", 74, "appliance: error: No space left on device\n"), (">&-", 0, "")):
        shell = f"{sys.executable} -m appliance --help {redirect}"
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (status, said)


def test_a_reader_who_leaves_is_told_nothing() -> None:
    code = (
        "import sys; from appliance.cli.main import *;"
        "COMMANDS['faulty'] = Entry('tests.cli.faulty', ''); sys.exit(run(['faulty', 'endless']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_help_that_nobody_reads_is_quiet() -> None:
    shell = f"{sys.executable} -m appliance --help | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in (0, 141)  # as fast as the reader left


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chek"]) == 2
    assert run(["init", "--bogus"]) == 2
    assert run([]) == 2
    assert run(["init", "--ae-title", "A\\B"]) == 2
    err = capsys.readouterr().err
    assert "No such command 'chek'." in err
    assert "an AE title has 1 to 16 printable ASCII characters" in err


def test_the_nearest_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chekc"]) == 2
    assert "Did you mean 'check'?" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"appliance, version {__version__}\n"


def test_help_lists_what_is_there_and_hides_what_is_not_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for name in ("init", "check", "run", "status", "open"):
        assert f"\n  {name} " in out
        assert COMMANDS[name].help in out
    assert "program" not in out.split("Commands:")[1].split()


def test_a_command_whose_module_is_not_there_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "gone", Entry("appliance.cli.gone", "Nothing."))
    assert run(["gone"]) == 2


@pytest.mark.parametrize("name", ["init", "check", "run", "status", "open", "deliver", "program"])
def test_each_command_has_help_and_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: appliance {name} " in out
    assert COMMANDS[name].hidden or "Example: " in out


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from appliance.cli.main import run; run(['--help']);"
        "print([m for m in sys.modules if m.startswith(('appliance.cli.', 'cryptography', 'rich'))], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "['appliance.cli.output', 'appliance.cli.main']"


def test_python_dash_m_is_the_same() -> None:
    done = subprocess.run([sys.executable, "-m", "appliance", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"appliance, version {__version__}\n"


def test_a_configuration_of_somebody_else_is_a_missing_right_and_not_a_wrong_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "appliance.toml"
    config.write_text("")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert run(["queue", "list", "--config", str(config)]) == 78
    said = f"appliance: error: we may not read {config}. Run this as root (sudo), or have its owner let you.\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("how", [["queue", "list", "--config", "/\u7206"], ["vault", "show", "--help"]])
def test_a_terminal_without_our_letters_gets_the_rest(how: list[str]) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-m", "appliance", *how], env=environment, capture_output=True)
    assert b"unforeseen" not in done.stderr and b"?" in done.stderr + done.stdout
    assert done.returncode == (0 if "--help" in how else 78)


def test_json_needs_no_letters(tmp_path: Path) -> None:
    code = "from appliance.cli import output; output.write_what_can_be_written(); output.write_json({'a': 'R\\u7206'})"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert json.loads(done.stdout) == {"a": "R\u7206"}
