"""Where the programs of a configuration file keep their state and meet, also when the file has a mistake.

The programs go on with what they read before, and whoever looks at them, to see what is wrong, must find them. Whatever
decides something reads the file whole, with `load_config`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.base.limits import CONFIG_FILE
from appliance.config import syntax
from appliance.config.errors import ConfigErrors
from appliance.config.load import load_config
from appliance.config.model import Appliance

_LINE = re.compile(r"""^[ \t]*(state_dir|runtime_dir)[ \t]*=[ \t]*(?:"([^"\\\n]*)"|'([^'\n]*)')""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Places:
    """The two directories of [appliance]."""

    state_dir: Path
    runtime_dir: Path


def places_of(path: Path) -> Places:
    """The directories that the file at `path` names, or the defaults. Raises `ConfigErrors` where it cannot be read."""
    try:
        known = load_config(path).appliance
    except ConfigErrors:
        section = _lenient(path)
        if section is None:
            raise
        return Places(**{name: _directory(section, name) for name in ("state_dir", "runtime_dir")})
    return Places(known.state_dir, known.runtime_dir)


def _lenient(path: Path) -> dict[str, Any] | None:
    """[appliance] as far as it can be made out; None where there is no text to read."""
    try:
        with path.open("rb") as file:
            text = syntax.decode(file.read(CONFIG_FILE.ceiling))
    except (OSError, ValueError, syntax.SyntaxProblem):
        return None
    try:
        section = syntax.parse(text).get("appliance")
    except syntax.SyntaxProblem:
        section = {name: double or single for name, double, single in _LINE.findall(text)}
    return section if isinstance(section, dict) else {}


def _directory(section: dict[str, Any], name: str) -> Path:
    given = section.get(name)
    usable = isinstance(given, str) and given.startswith("/") and "\0" not in given
    return Path(str(given)) if usable else Path(Appliance.model_fields[name].default)
