"""An initial file system for a guest: busybox, the kernel's modules that it needs, and one script as /init.

Owns the cpio archive and the order of modules. Made from unpacked packages; nothing of them is run here.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType


def archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    """A cpio archive ("newc") of path -> (mode with its type, content). Directories come before what is in them."""
    out = bytearray()
    entries = [*sorted(files.items()), ("TRAILER!!!", (0, b""))]
    for inode, (path, (mode, content)) in enumerate(entries, 1):
        name = path.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out)


class Modules:
    """The modules of an unpacked kernel package."""

    def __init__(self, root: Path) -> None:
        (self.directory,) = [path for path in root.glob("**/lib/modules/*") if path.is_dir()]
        self._files = {_name(path.name): path for path in self.directory.rglob("*.ko*")}
        self._built_in = {_name(Path(line).name) for line in (self.directory / "modules.builtin").read_text().split()}

    def in_order(self, wanted: tuple[str, ...]) -> dict[str, bytes]:
        """The wanted ones and what they depend on, uncompressed, in the order in which the kernel takes them."""
        found: dict[str, bytes] = {}

        def take(name: str) -> None:
            if name in found or name in self._built_in:
                return
            content = self._read(name)
            depends = re.search(rb"\0depends=([^\0]*)\0", content)
            for each in depends[1].decode().split(",") if depends else ():
                if each:
                    take(_name(each))
            found[name] = content

        for name in wanted:
            take(_name(name))
        return found

    def _read(self, name: str) -> bytes:
        if name not in self._files:
            raise RuntimeError(f"this kernel has no module {name}")
        path = self._files[name]
        content = path.read_bytes()
        return lzma.decompress(content) if path.suffix == ".xz" else content


def build(
    kernel: Path,
    busybox: Path,
    modules: tuple[str, ...],
    init: str,
    extra: Mapping[str, tuple[int, bytes]] = MappingProxyType({}),
) -> bytes:
    """`kernel` and `busybox` are roots of unpacked packages; `init` is a script for busybox's shell, which runs when
    the modules are loaded; `extra` is as for `archive`."""
    files = dict.fromkeys(("bin", "dev", "proc", "sys", "root", "modules", "run"), (0o40755, b""))
    (program,) = [path for path in busybox.glob("**/bin/busybox") if not path.is_symlink()][:1]
    files["bin/busybox"] = (0o100755, program.read_bytes())
    load = []
    for name, content in Modules(kernel).in_order(modules).items():
        files[f"modules/{name}.ko"] = (0o100644, content)
        load.append(f"insmod /modules/{name}.ko")
    script = ["#!/bin/busybox sh", "/bin/busybox --install -s /bin", "export PATH=/bin", *_MOUNTS, *load, init, ""]
    files["init"] = (0o100755, "\n".join(script).encode())
    return archive({**files, **extra})


_MOUNTS = ["mount -t devtmpfs dev /dev", "mount -t proc proc /proc", "mount -t sysfs sys /sys"]


def _name(file: str) -> str:
    return file.split(".ko")[0].replace("-", "_")
