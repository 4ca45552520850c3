"""Byte code for the guest's Python, made here: an emulated processor would need minutes for it.

Owns a Python of the guest's version for this machine's processor, unpacked below build/vm, and started with its own
libraries. Byte code is the same for all processors.
"""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from tests.vm.debian import BUILD, Archive

_NATIVE = {"x86_64": ("amd64", "ld-linux-x86-64.so.2"), "aarch64": ("arm64", "ld-linux-aarch64.so.1")}


def compiled(tree: Path, *directories: str) -> None:
    """Compile all modules in `directories` of `tree`. What does not compile, code of tests and templates, is left."""
    python = _python()
    command = [*python, "-m", "compileall", "-q", "-q", "-s", tree, "-p", "/"]
    command += ["--invalidation-mode", "unchecked-hash", *(tree / each for each in directories)]
    subprocess.run(list(map(str, command)), env={"PYTHONHOME": str(BUILD / "python/usr")}, capture_output=True)
    for each in directories:
        if not any((tree / each).rglob("*.pyc")):
            raise RuntimeError(f"nothing in {each} was compiled")


def _python() -> list[str | Path]:
    architecture, loader = _NATIVE[platform.machine()]
    root = BUILD / "python"
    if not (root / "made").exists():
        archive = Archive(architecture)
        archive.unpack(archive.closure(["python3"]), root)
        (root / "made").touch()
    found = next(root.glob(f"usr/lib/*-linux-gnu/{loader}"))
    (program,) = (path for path in root.glob("usr/bin/python3.*") if not path.is_symlink())
    return [found, "--library-path", ":".join(map(str, root.glob("usr/lib/*-linux-gnu"))), program]
