"""From the file to the configuration, or to all that is wrong with it. Raises `ConfigErrors` and nothing else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from appliance.base.limits import CONFIG_FILE
from appliance.config import syntax
from appliance.config.anatomy import Place
from appliance.config.checks import check
from appliance.config.errors import ConfigErrors, Problem
from appliance.config.lines import Lines
from appliance.config.meant import as_meant
from appliance.config.model import Config
from appliance.config.sentences import renamings, sentences
from appliance.config.values import WRITTEN
from appliance.config.words import place


def load_config(path: Path) -> Config:
    """Read and check the file at `path`."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(CONFIG_FILE.ceiling + 1)
    except FileNotFoundError:
        raise _whole(name, "there is no such file; `appliance init` writes a first one") from None
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "that is no path"
        raise _whole(name, f"cannot be read: {why}") from None
    return parse_config(raw, name)


def parse_config(raw: bytes, name: str = "appliance.toml") -> Config:
    """Check the content of a file; `name` is what problems call it."""
    if len(raw) > CONFIG_FILE.ceiling:
        raise _whole(name, f"longer than {CONFIG_FILE.ceiling} bytes; {CONFIG_FILE.why}")
    try:
        text = syntax.decode(raw)
        document = syntax.parse(text)
    except syntax.SyntaxProblem as problem:
        raise ConfigErrors(Problem(name, each.line, "", each.message) for each in problem.found) from None
    config: Config | None = None
    found: list[tuple[Place, str]] = []
    try:
        config = Config.model_validate(document, context=WRITTEN)
    except ValidationError as error:
        found += sentences(error)
        found += check(as_meant(document, renamings(error)))
    else:
        found += check(document)
    if found or config is None:
        raise ConfigErrors(_problems(found, document, Lines(text), name))
    return config.read_from(hashlib.sha256(raw).hexdigest())


def _problems(found: Iterable[tuple[Place, str]], document: dict[str, Any], lines: Lines, name: str) -> list[Problem]:
    return [Problem(name, lines.of(at), place(document, at), message) for at, message in found]


def _whole(name: str, message: str) -> ConfigErrors:
    return ConfigErrors([Problem(name, 0, "", message)])
