"""The other implementations of age that tests run: the program in Go, and age-encryption in Node."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

NPM = Path(__file__).parents[2] / "build" / "npm" / "node_modules"
NODE_MODULE = NPM / "age-encryption" / "dist" / "index.js"

DIFFER = {
    # The program looks for the first line of armor at the start only; its library passes over whitespace, as we do.
    "age": {"armored_whitespace"},
    # It takes no whitespace before, and any amount after; of a work factor it reads the digits at its start.
    "rage": {"armored_whitespace", "armored_much_whitespace_after", "scrypt_work_fraction"},
    # It takes any amount of whitespace, on the first line too.
    "node": {"armored_indented", "armored_much_whitespace", "armored_much_whitespace_after"},
}
"""Vectors that the others judge differently: all of them are about what the specification leaves open, or a laxness."""

needs_age = pytest.mark.skipif(not shutil.which("age"), reason="age is not installed: apt-get install age")
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and NODE_MODULE.exists()),
    reason="node or age-encryption is missing: npm install --prefix build/npm age-encryption@^0.3",
)


def age(arguments: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    """age as it is used in a pipe."""
    return subprocess.run(["age", *arguments], input=data, capture_output=True, timeout=20, check=False)


def age_on_a_terminal(arguments: list[str], typed: str) -> subprocess.CompletedProcess[bytes]:
    """age with a terminal on which `typed` waits to be read: it takes passphrases from nowhere else.

    Without a controlling terminal, which a session of its own has not, age uses the one on its standard input.
    """
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, typed.encode())
        return subprocess.run(
            ["age", *arguments],
            stdin=terminal,
            capture_output=True,
            start_new_session=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)


def node(jobs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The answers of age-encryption to the jobs, in one run."""
    done = subprocess.run(
        ["node", str(Path(__file__).parent / "age_npm.mjs"), str(NODE_MODULE)],
        input=json.dumps(jobs).encode(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def text(data: bytes) -> str:
    """Bytes as a job has them."""
    return b64encode(data).decode()
