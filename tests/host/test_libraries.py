"""What libraries say ends in the log as one plain line, without a word of theirs."""

from __future__ import annotations

import subprocess
import sys

SECRET = "QUILLFEATHER^ANNA"
SPEAK = f"""
import logging, sys, threading, warnings
from appliance.host import libraries, log
log.configure("receive")
libraries.silence()
said = "{SECRET}"
WAYS = {{
    "args": lambda: logging.getLogger("pynetdicom.acse").warning("patient %s", said),
    "text": lambda: logging.getLogger("pydicom").error(f"patient {{said}}"),
    "exception": lambda: logging.getLogger("x").exception(said),
    "info": lambda: logging.getLogger("pynetdicom").info(said),
    "warning": lambda: warnings.warn(f"bad value {{said}}"),
    "thread": lambda: threading.Thread(target=lambda: {{}}[said]).start(),
    "unraisable": lambda: type("X", (), {{"__del__": lambda self: {{}}[said]}})(),
    "broken": lambda: logging.getLogger("x").warning("%d", said),
}}
for _ in range(int(sys.argv[2])):
    WAYS[sys.argv[1]]()
"""


def said(way: str, times: int = 1) -> list[str]:
    done = subprocess.run([sys.executable, "-c", SPEAK, way, str(times)], capture_output=True, text=True, check=True)
    assert SECRET not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


def test_a_logged_line_is_named_by_its_logger_and_place() -> None:
    (line,) = said("args")
    assert " receive warning LIBRARY-SPOKE: the library pynetdicom.acse said something (warning) in <string>:" in line


def test_texts_arguments_and_tracebacks_are_not_shown() -> None:
    assert "pydicom said something (error)" in said("text")[0]
    assert "x said something (error)" in said("exception")[0]
    assert "x said something (warning)" in said("broken")[0]


def test_what_is_below_a_warning_is_not_said() -> None:
    assert said("info") == []


def test_warnings_are_lines_too() -> None:
    (line,) = said("warning")
    assert "the library py.warnings said something" in line


def test_a_thread_that_fails_is_named_by_kind_and_place() -> None:
    (line,) = said("thread")
    assert "INTERNAL-ERROR: unforeseen KeyError in <lambda>, <string>:" in line
    (line,) = said("unraisable")
    assert "INTERNAL-ERROR: unforeseen KeyError" in line


def test_a_library_that_goes_on_and_on_is_heard_three_times() -> None:
    assert len(said("args", 50)) == 3
