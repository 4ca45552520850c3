"""What one program of the appliance needs to run on a bare kernel: Python, the packages that it loads, their libraries.

Taken from this machine, each file at its own path, so nothing is fetched. Owns the copy, and never what is in it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
APPLICATION = "app"
_LEFT_OUT = shutil.ignore_patterns(
    "test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3", "site-packages", "*.a"
)

_WHAT_IS_LOADED = """
import importlib, sys
for name in ("__main__", "cli.main", "cli.program", "programs.{program}"):
    importlib.import_module(f"appliance.{{name}}")
print(sorted({{name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}}))
"""


def copy(program: str, into: Path) -> list[str]:
    """Lay `program` out below `into`. Returns the command that is `appliance` there, for a shell."""
    python = Path(sys.executable).resolve()
    _place(python, into)
    standard = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(standard, into / standard.relative_to("/"), ignore=_LEFT_OUT, symlinks=True)
    application = into / APPLICATION
    shutil.copytree(REPOSITORY / "appliance", application / "appliance")
    for package in _loaded(program):
        for site in {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}:
            for found in (*site.glob(package), *site.glob(f"{package}.py"), *site.glob(f"{package}.*.so")):
                target = application / found.name
                shutil.copytree(found, target, ignore=_LEFT_OUT) if found.is_dir() else shutil.copy(found, target)
    _libraries(python, into)
    return [str(python), "-m", "appliance"]


def _loaded(program: str) -> list[str]:
    """The top-level packages of third parties that it loads."""
    code = _WHAT_IS_LOADED.format(program=program)
    said = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found = set(re.findall(r"'(\w+)'", said.stdout)) - set(sys.stdlib_module_names)
    return sorted(name for name in found - {"appliance", "_distutils_hack"} if not name.startswith("__editable__"))


def _libraries(python: Path, into: Path) -> None:
    """Every shared library that a copied file is linked with."""
    linked = [path for path in into.rglob("*.so*") if path.is_file()]
    said = subprocess.run(["ldd", python, *linked], capture_output=True, text=True).stdout
    for library in sorted(set(re.findall(r"(?:=> |^\t)(/\S+) \(0x", said, re.MULTILINE))):
        if not (into / library.lstrip("/")).exists():
            _place(Path(library), into)


def _place(file: Path, into: Path) -> None:
    target = into / str(file).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)
