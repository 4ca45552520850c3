"""The files that `init` makes, each with its mode; all of them, or none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from appliance.base.errors import LocalError
from appliance.cli.first_config import Places
from appliance.config.posture.facts import BUILT_IN
from appliance.host.certificates import Authority
from appliance.host.create import create_directory, create_file
from appliance.host.issued_register import Register

_SECRET = 0o400


class FirstSite:
    """Makes files inside a `with`; when that is left by an exception, what was made is removed again."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._directories: list[Path] = []
        self.made: list[Path] = []

    def __enter__(self) -> FirstSite:
        places = self._places
        existing = [path for path in (places.config, places.identity, places.index_key) if path.exists()]
        if existing:
            raise LocalError(
                f"{', '.join(map(str, existing))} exists already",
                fix="Nothing was changed: `init` overwrites nothing. Move it away, or name another --dir.",
            )
        try:
            for directory, mode in ((places.config.parent, 0o755), (places.keys, 0o700), (places.tls, 0o755)):
                if create_directory(directory, mode):
                    self._directories.append(directory)
        except BaseException:
            self._undo()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._undo()

    def secret(self, path: Path, text: str) -> None:
        """A key, for its owner alone."""
        self._make(path, text + "\n", _SECRET)

    def config(self, text: str) -> None:
        """The configuration: no secret is in it."""
        self._make(self._places.config, text, 0o644)

    def kit(self, path: Path, text: str) -> None:
        """The recovery kit, where a person asked for a file."""
        self._make(path, text, _SECRET)

    def authority(self, ae_title: str, names: tuple[str, ...], passphrase: str | None = None) -> None:
        """A site CA with an empty list of who was revoked, its key under the passphrase where there is one, and what
        this box shows to modalities and to destinations: one key for each program. Its register has what it signed."""
        authority = Authority.create(f"{ae_title} site CA {BUILT_IN}")
        key = authority.key_under(passphrase) if passphrase else authority.key
        self._make(self._places.authority.with_suffix(".key"), key, _SECRET)
        self._make(self._places.authority, authority.certificate, 0o444)
        self._make(self._places.authority_in_sight, authority.certificate, 0o444)
        self._make(self._places.revoked, authority.revocation_list({}, 1, datetime.now(UTC)), 0o444)
        register = Register(self._places.authority, None)
        if create_directory(register.directory, 0o755):
            self._directories.append(register.directory)
        for path, server in ((self._places.server, True), (self._places.client, False)):
            issued = authority.issue(ae_title, names, server=server, client=not server)
            self.made.append(register.add(issued.certificate, own=True))
            self._make(path.with_suffix(".key"), issued.key, _SECRET)
            self._make(path, issued.certificate, 0o444)

    def _make(self, path: Path, content: bytes | str, mode: int) -> None:
        create_file(path, content, mode)
        self.made.append(path)

    def _undo(self) -> None:
        for path in self.made:
            path.unlink(missing_ok=True)
        for directory in reversed(self._directories):
            try:
                directory.rmdir()
            except OSError:  # somebody else put something there
                pass
