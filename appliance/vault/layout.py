"""Where everything lies in the state directory. Builds every path of the vault, and only from ids that we made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from appliance.base.errors import LocalError
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused

SUFFIX = ".dcm.age"
REQUEST_SUFFIX = ".commit"
REPORT_SUFFIX = ".report"
SEGMENT_SUFFIX = ".segment"
FREE_SUFFIX = ".free"
_OBJECT_ID = re.compile(r"[0-9a-f]{32}")

SHARED = 0o2770  # `receive` and `forward` share a group; setgid hands it on to the files
PRIVATE = 0o700


@dataclass(frozen=True)
class StateLayout:
    """The directories below `root`, which is the state_dir of the configuration."""

    root: Path

    @cached_property
    def incoming(self) -> Path:
        """Whole sealed objects that `receive` answered for and `forward` has not adopted yet."""
        return self.root / "incoming"

    @cached_property
    def objects(self) -> Path:
        """Adopted objects, in 256 directories by the first two digits of their id. `forward` alone enters."""
        return self.root / "objects"

    @cached_property
    def ledger(self) -> Path:
        """The SQLite file. It has a directory of its own, for its owner must create -wal files beside it."""
        return self.root / "ledger" / "ledger.sqlite"

    @cached_property
    def rebuild_wanted(self) -> Path:
        """The file by which a person asks for a rebuild at the next start."""
        return self.ledger.with_name("rebuild")

    @cached_property
    def journal(self) -> Path:
        """What must outlive the ledger; see JOURNAL.md. `forward` alone enters."""
        return self.root / "journal"

    @cached_property
    def quarantine(self) -> Path:
        """Files that cannot be used, kept for a person to look at."""
        return self.root / "quarantine"

    @cached_property
    def alerts(self) -> Path:
        """The directory of the sensor's alert files."""
        return self.root / "alerts"

    def incoming_name(self, object_id: str) -> str:
        """The path of an object before adoption. A str: pathlib would intern the id, and the interpreter's table of
        such strings grows with every object that comes, by some megabytes.
        """
        return f"{self._incoming}/{checked(object_id)}{SUFFIX}"

    def incoming_file(self, object_id: str) -> Path:
        """The same for who has few."""
        return Path(self.incoming_name(object_id))

    def incoming_request(self, request_id: str) -> Path:
        """The name of a commitment request before adoption."""
        return self.incoming / (checked(request_id) + REQUEST_SUFFIX)

    def incoming_report(self, report_id: str) -> Path:
        """The name of a destination's commitment report before `forward` takes it over."""
        return self.incoming / (checked(report_id) + REPORT_SUFFIX)

    def segment(self, segment_id: str) -> Path:
        """The name of a segment that has records, or will have them; see SEGMENT.md."""
        return self.incoming / (checked(segment_id) + SEGMENT_SUFFIX)

    def free_segment(self, segment_id: str) -> Path:
        """The name of a segment that nobody uses."""
        return self.incoming / (checked(segment_id) + FREE_SUFFIX)

    def object_directory(self, object_id: str) -> Path:
        """The directory of an adopted object."""
        return self._fan[checked(object_id)[:2]]

    def object_name(self, object_id: str) -> str:
        """The path of an adopted object; see `incoming_name`."""
        return f"{self._objects}/{checked(object_id)[:2]}/{object_id}{SUFFIX}"

    def object_file(self, object_id: str) -> Path:
        """The same for who has few."""
        return Path(self.object_name(object_id))

    def fan(self) -> list[Path]:
        """The 256 directories of `objects`, in order."""
        return list(self._fan.values())

    @cached_property
    def _incoming(self) -> str:
        return str(self.incoming)

    @cached_property
    def _objects(self) -> str:
        return str(self.objects)

    @cached_property
    def _fan(self) -> dict[str, Path]:
        return {name: self.objects / name for name in (f"{number:02x}" for number in range(256))}

    def create(self, medium: Medium | None = None) -> None:
        """Make the directories that are missing. All are durable then; those that existed are left as they are."""
        medium = medium or Medium()
        made_root = medium.make_directory(self.root, 0o750)
        made = [
            medium.make_directory(directory, mode)
            for directory, mode in (
                (self.incoming, SHARED),
                (self.objects, PRIVATE),
                (self.ledger.parent, PRIVATE),
                (self.journal, PRIVATE),
                (self.quarantine, PRIVATE),
                (self.alerts, PRIVATE),
            )
        ]
        _settle(medium, self.root, made=any(made))
        _settle(medium, self.root.parent, made=made_root)


def _settle(medium: Medium, directory: Path, *, made: bool) -> None:
    """Also where nothing was made now: a start that was killed may have made it, and not have come to this."""
    try:
        medium.sync_directory(directory)
    except DiskRefused as refusal:
        if made or refusal.condition is not Condition.DENIED:  # what we may not open is not of our making
            raise


def checked(object_id: str) -> str:
    """Return `object_id` if it is one: 32 lower-case hex digits. A path is never built from anything else."""
    if not _OBJECT_ID.fullmatch(object_id):
        raise LocalError("not an object id", fix="An object id is 32 lower-case hex digits.")
    return object_id


def object_id_of(name: str) -> str | None:
    """The object id in a file name, or None for a file that is none of ours."""
    return _id_of(name, SUFFIX)


def request_id_of(name: str) -> str | None:
    """The id in the file name of a commitment request, or None for another file."""
    return _id_of(name, REQUEST_SUFFIX)


def report_id_of(name: str) -> str | None:
    """The id in the file name of a destination's commitment report, or None for another file."""
    return _id_of(name, REPORT_SUFFIX)


def segment_id_of(name: str) -> str | None:
    """The id in the file name of a segment with records, or None for another file."""
    return _id_of(name, SEGMENT_SUFFIX)


def free_segment_id_of(name: str) -> str | None:
    """The id in the file name of a segment that nobody uses, or None for another file."""
    return _id_of(name, FREE_SUFFIX)


def _id_of(name: str, suffix: str) -> str | None:
    stem = name.removesuffix(suffix)
    return stem if len(stem) + len(suffix) == len(name) and _OBJECT_ID.fullmatch(stem) else None
