"""The configuration that is in force in a running program, and how it changes: the file is checked whole, then taken
up, or the old one stays and everybody is told why.

Reads the file when it changed, or when it is told to. What a change means for the program is the program's to do.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from appliance.base import catalogue
from appliance.base.errors import ApplianceError
from appliance.config.changes import changed, take_up
from appliance.config.errors import ConfigErrors, Problem
from appliance.config.load import load_config
from appliance.config.model import Config
from appliance.host.heap import give_back
from appliance.host.log import log
from appliance.host.watched_files import WatchedFiles

_MOST = 400  # characters of an error that the panel is told


class Reloading:
    """One program's. `config` is what is in force. Used by the thread of the program's loop."""

    def __init__(
        self,
        config: Config,
        path: Path,
        program: str,
        apply: Callable[[Config, bool], None] = lambda *_: None,
        *,
        files: Callable[[Config], Iterable[Path]] = lambda _: (),
        bell: bool = True,
    ) -> None:
        """`apply` puts a configuration in force, or raises ApplianceError before it changed anything; it is told
        whether `files`, which the configuration names and the program has read, have changed as well."""
        self.config = config
        self._path = path
        self._program = program
        self._apply = apply
        self._files = files
        self._read = config.digest
        self._contents = self._digest(config)
        self._error = ""
        self._restart: tuple[str, ...] = ()
        self._since = time.time()
        self._times = 0
        self._watched = WatchedFiles(self._paths(config), bell=bell)

    def serve(self, apply: Callable[[Config, bool], None]) -> None:
        """From now on `apply` puts a configuration in force, for a program that began with nothing open."""
        self._apply = apply

    def fileno(self) -> int:
        """Readable when `attend` has something to see; -1 where it has to be called now and then."""
        return self._watched.fileno()

    def attend(self) -> bool:
        """Reload where the files changed and came to rest. Whether it did."""
        if not self._watched.due():
            return False
        self._change(told=False)
        return True

    def reload(self) -> None:
        """Reload now, changed or not."""
        self._watched.seen()
        self._change(told=True)

    def wait(self) -> float:
        """Seconds until `attend` should be called, if the descriptor is not readable before."""
        return self._watched.wait()

    def snapshot(self) -> dict[str, Any]:
        """For the panel, as JSON values."""
        return {
            "config": {
                "digest": self.config.digest,
                "read": self._read,
                "reloads": self._times,
                "since": self._since,
                "restart": list(self._restart),
            },
            "config_error": self._error,
        }

    def _change(self, *, told: bool) -> None:
        error = ""
        try:
            before = self.config
            after = self._load()
            self._read = after.digest
            taken, restart = take_up(before, after, self._program)
            self._watched.follow(self._paths(taken))
            contents = self._digest(taken)
            replaced = contents != self._contents
            if told or replaced or changed(before, taken):
                self._apply(taken, told or replaced)
            self._contents, self.config = contents, taken
            self._say(before, taken, restart, replaced=replaced, told=told)
        except ConfigErrors as errors:
            self._read = self._raw_digest()
            count = len(errors.problems)
            error = f"{errors.problems[0]}{f' (and {count - 1} more)' if count > 1 else ''}"
        except ApplianceError as refused:
            error = str(refused)
        except Exception as unforeseen:  # noqa: BLE001  # a program that serves goes on with what it has
            log(catalogue.INTERNAL_ERROR, kind=type(unforeseen).__name__, where=f"{self._program}, reloading")
            error = f"unforeseen {type(unforeseen).__name__}"
        if error:
            self._restart = ()  # with this file one would not start again
            log(catalogue.CONFIG_REJECTED, detail=error)
        self._error = error[:_MOST]
        self._times += 1
        give_back()

    def _load(self) -> Config:
        """What lies in the file; a pipe in its place would keep us waiting for whoever writes to it."""
        if self._path.exists() and not self._path.is_file():
            what = "is no file: a pipe, a device or a directory lies in its place"
            raise ConfigErrors([Problem(str(self._path), 0, "", what)])
        return load_config(self._path)

    def _say(self, before: Config, after: Config, restart: tuple[str, ...], *, replaced: bool, told: bool) -> None:
        if restart and restart != self._restart:
            log(catalogue.CONFIG_RESTART, program=self._program, keys=", ".join(restart))
        self._restart = restart
        sections = changed(before, after)
        if not (told or replaced or sections or self._error):
            return
        self._since = time.time()
        what = [f"changed {', '.join(sections)}"] if sections else []
        what += ["certificates, keys or lists replaced"] if replaced else []
        log(catalogue.CONFIG_LOADED, detail=f"{self._path} ({'; '.join(what) or 'nothing changed'})")

    def _paths(self, config: Config) -> list[Path]:
        return [self._path, *self._files(config)]

    def _digest(self, config: Config) -> bytes:
        """Of all that lies in the files that `config` names."""
        digest = hashlib.sha256()
        for path in self._files(config):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except OSError:
                content = b""
            digest.update(hashlib.sha256(content).digest())
        return digest.digest()

    def _raw_digest(self) -> str:
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest() if self._path.is_file() else ""
        except OSError:
            return ""
