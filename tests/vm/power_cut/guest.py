"""The guest whose plug is pulled: a bare kernel, `receive` as its first process, its state on a disk of its own.

Owns how it is made and started. What is answered is recorded outside, by the senders.
"""

from __future__ import annotations

import re
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from appliance.seal.index_key import IndexKey
from appliance.seal.keys import HybridIdentity, Identity, generate_identity
from tests.vm import initramfs, python_tree
from tests.vm.debian import BUILD, Archive
from tests.vm.disk import file_system
from tests.vm.machine import Machine

PORT = 11112
AE_TITLE = "EDGE01"
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4")
READY = "listening on"
_MEBIBYTE = 1 << 20

# Cleartext, so that the emulated processor spends its time on the vault and not on TLS.
CONFIG = """\
[appliance]
ae_title    = "{ae_title}"
state_dir   = "/state/appliance"
runtime_dir = "/run/appliance"

[receive]
listen_plain     = ["0.0.0.0:{port}"]
called_ae_titles = ["{ae_title}"]
workers          = 2

[[peer]]
name      = "load"
ae_titles = ["LOAD"]
addresses = ["10.0.2.2"]
tls       = "never"

[vault]
recipients = ["{recipient}"]
index_key  = "file:/etc/appliance/index-key"
min_free   = "64MiB"
"""

# The proof that this test can fail: answers are given, and nothing is flushed.
WITHOUT_FLUSHES = """\
import os

if os.environ.get("WITHOUT_FLUSHES"):
    os.fsync = os.fdatasync = lambda descriptor: None
"""

INIT = """\
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
mount -t ext4 -o ro /dev/vda /root
mount -t ext4 /dev/vdb /root/state
mount -t tmpfs run /root/run
mount -t tmpfs tmp /root/tmp
mkdir -p /root/run/appliance
for each in dev proc sys; do mount -o bind /$each /root/$each; done
export PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
exec chroot /root {command} program receive --config /etc/appliance/appliance.toml
"""


@dataclass(frozen=True, slots=True)
class Guest:
    """What was made, below `work`."""

    work: Path
    kernel: Path
    identity: Identity | HybridIdentity
    index_key: IndexKey
    port: int

    @property
    def disk(self) -> Path:
        """Its state directory's disk."""
        return self.work / "state.img"

    @property
    def log(self) -> Path:
        """Every write and flush of that disk."""
        return self.work / "state.log"

    def start(self, *, flushes: bool = True) -> Machine:
        """Boot it, one core."""
        words = ["console=ttyS0", "quiet", "panic=-1", "mitigations=off", *([] if flushes else ["WITHOUT_FLUSHES=1"])]
        return Machine(
            "x86_64",
            [
                *("-cpu", "max", "-smp", "1", "-m", "640"),
                *("-kernel", self.kernel, "-initrd", self.work / "initramfs", "-append", " ".join(words)),
                *("-blockdev", f"driver=file,filename={self.work / 'root.img'},node-name=root,read-only=on"),
                *("-device", "virtio-blk-pci,drive=root"),
                # All that it writes is in the file when it is frozen, and each write and flush in the log beside it.
                *("-blockdev", f"driver=file,filename={self.disk},node-name=file"),
                *("-blockdev", f"driver=file,filename={self.log},node-name=log"),
                *("-blockdev", "driver=blklogwrites,file=file,log=log,log-sector-size=512,node-name=state"),
                *("-device", "virtio-blk-pci,drive=state,write-cache=on"),
                *("-nic", f"user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:{PORT}"),
                *("-device", "virtio-rng-pci"),
            ],
            self.work,
        )


def make(work: Path) -> Guest:
    """Make it below `work`; the kernel is fetched once and kept below build/vm."""
    root = work / "root"
    command = python_tree.copy("receive", root)
    (root / "app/sitecustomize.py").write_text(WITHOUT_FLUSHES)
    for directory in ("state", "run", "tmp", "dev", "proc", "sys", "etc/appliance"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    identity, index_key = generate_identity("hybrid"), IndexKey.generate()
    text = CONFIG.format(ae_title=AE_TITLE, port=PORT, recipient=identity.recipient)
    (root / "etc/appliance/appliance.toml").write_text(text)
    (root / "etc/appliance/index-key").write_text(index_key.export() + "\n")
    (root / "etc/appliance/index-key").chmod(0o400)
    size = sum(path.stat().st_size + 4096 for path in root.rglob("*") if not path.is_symlink()) * 5 // 4
    file_system(work / "root.img", size + 16 * _MEBIBYTE, root)
    shutil.rmtree(root)
    file_system(work / "state.img", 1024 * _MEBIBYTE)
    (work / "state.log").touch()
    kernel = _kernel()
    built = initramfs.build(
        BUILD / "kernel-amd64", BUILD / "kernel-amd64", MODULES, INIT.format(command=" ".join(command))
    )
    (work / "initramfs").write_bytes(built)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return Guest(work, kernel, identity, index_key, port)


def _kernel() -> Path:
    unpacked = BUILD / "kernel-amd64"
    if not list(unpacked.glob("boot/vmlinuz-*")):
        archive = Archive("amd64")
        (image,) = [name for name in archive.closure(["linux-image-cloud-amd64"]) if re.match(r"linux-image-\d", name)]
        archive.unpack([image, "busybox-static"], unpacked)
    (kernel,) = unpacked.glob("boot/vmlinuz-*")
    return kernel
