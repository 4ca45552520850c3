"""A guest's disk: an ext4 file system in a sparse file, made without mounting anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def file_system(image: Path, size: int, content: Path | None = None) -> None:
    """Everything in it is root's, whoever makes it."""
    with image.open("wb") as file:
        file.truncate(size)
    filled: list[str | Path] = ["-d", content] if content else []
    # In a namespace in which the caller is root, files of his are root's.
    become = ["unshare", "--map-root-user"] if content and os.geteuid() else []
    subprocess.run([*become, "mke2fs", "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", *filled, image], check=True)
