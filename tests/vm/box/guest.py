"""The guest: a board with lamps that boots Debian 13 with the appliance in it, and does what it is asked.

Owns how it is started and the talk with its agent. It reaches the upstream on this machine, and nothing else; this
machine reaches its DICOM port.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.vm import initramfs
from tests.vm.box import agent, base, board, installed, relay
from tests.vm.debian import BUILD, Archive
from tests.vm.machine import Machine

ADDRESS, OUTSIDE, UPSTREAM = "10.0.2.15", "10.0.2.2", "10.0.2.100"
DICOM_TLS = 2762
DATA_DISK = "/dev/vdb"  # empty
BOOT = 420.0  # seconds; two emulated cores that others share
PATIENCE = 180.0  # seconds for a command
MODULES = (
    "crc32c_generic",  # first: others ask for it by its algorithm, and nobody loads it for them here
    *("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "virtio_console", "ext4"),
    *("leds_gpio", "ledtrig_timer", "ledtrig_pattern", "af_packet", "veth"),
    *("nf_tables", "nfnetlink", "nft_ct"),
)

INIT = """\
until [ -b /dev/vda ]; do sleep 0.1; done
mount -t ext4 /dev/vda /root
cp -a /installed/. /root/
ifconfig lo 127.0.0.1 up
ifconfig eth0 {address} netmask 255.255.255.0 up
for each in dev proc sys; do mount -o move /$each /root/$each; done
exec switch_root /root /usr/lib/systemd/systemd
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command in the guest said, how it ended, and when, by the guest's clock."""

    status: int
    out: str
    began: float
    ended: float


class Guest:
    """A running one."""

    def __init__(self, work: Path, etc: Path, port: int, upstream_port: int) -> None:
        """Make and start it. `etc` is its /etc/appliance, `port` of this machine leads to its DICOM port,
        `upstream_port` is the PACS's here."""
        self.port = port
        kernel = _kernel()
        extra = {f"installed/{path}": entry for path, entry in installed.files(work, etc).items()}
        unpacked = BUILD / f"kernel-{base.ARCHITECTURE}"
        init = INIT.format(address=ADDRESS)
        (work / "initramfs").write_bytes(
            initramfs.build(unpacked, unpacked, MODULES, init, extra | {"installed": (0o40755, b"")})
        )
        words = ["console=ttyAMA0", "quiet", "panic=-1", "net.ifnames=0", "mitigations=off"]
        words += ["systemd.show_status=no", "systemd.unit=multi-user.target"]
        reach = f"{sys.executable} {relay.__file__} {upstream_port}"
        self._socket = work / "agent"
        self.machine = Machine(
            "aarch64",
            [
                *board.MACHINE,
                *("-dtb", board.device_tree(work), "-kernel", kernel, "-initrd", work / "initramfs"),
                *("-append", " ".join(words)),
                *("-drive", f"file={base.disk()},format=raw,if=none,id=root,snapshot=on"),
                *("-drive", f"file={_empty(work / 'data.img')},format=raw,if=none,id=data"),
                *("-device", "virtio-blk-pci,drive=root", "-device", "virtio-blk-pci,drive=data"),
                *("-device", "virtio-rng-pci"),
                *("-chardev", f"socket,id=agent,path={self._socket},server=on,wait=off"),
                *("-device", "virtio-serial-pci", "-device", f"virtserialport,chardev=agent,name={agent.PORT}"),
                "-netdev",
                f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:{DICOM_TLS},"
                f"guestfwd=tcp:{UPSTREAM}:{DICOM_TLS}-cmd:{reach}",
                *("-device", "virtio-net-pci,netdev=net,romfile="),
            ],
            work,
        )
        self._channel: socket.socket | None = None

    def wait(self) -> float:
        """Until its agent answers; the seconds that it took."""
        began = time.monotonic()
        while not self._socket.exists():
            if time.monotonic() - began > 10:
                raise RuntimeError(f"QEMU did not start:\n{self.machine.said()[-3000:]}")
            time.sleep(0.1)
        self._channel = socket.socket(socket.AF_UNIX)
        self._channel.connect(str(self._socket))
        self._answers = self._channel.makefile("rb")
        self._channel.settimeout(BOOT)
        try:
            self.run("true")
        except TimeoutError:
            raise RuntimeError(f"no answer after {BOOT:.0f} s:\n{self.machine.said()[-3000:]}") from None
        return time.monotonic() - began

    def run(self, line: str, seconds: float = PATIENCE) -> Said:
        """A line for the guest's shell, as root."""
        return Said(**self._ask({"run": line, "seconds": seconds}))

    def must(self, line: str, seconds: float = PATIENCE) -> str:
        """The same, for what cannot go wrong."""
        said = self.run(line, seconds)
        if said.status:
            raise RuntimeError(f"in the guest, {line[:200]}\nended with {said.status}: {said.out[-2000:]}")
        return said.out

    def put(self, path: str, text: str) -> None:
        """Write a file there, as an editor does: into the one that is there."""
        self.must(f"printf %s {shlex.quote(text)} > {path}")

    def lamps(self, since: int) -> tuple[float, list[tuple[float, str, dict[str, str]]]]:
        """The guest's time, and each change of a lamp from this number on: when, which, its files."""
        said = self._ask({"lamps": since})
        return said["now"], [(when, name, files) for when, name, files in said["changes"]]

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._channel is not None
        self._channel.settimeout(max(asked.get("seconds", 0) * 3, BOOT))
        self._channel.sendall(json.dumps(asked).encode() + b"\n")
        line = self._answers.readline()
        if not line:
            raise RuntimeError(f"the guest ended:\n{self.machine.said()[-3000:]}")
        said: dict[str, Any] = json.loads(line)
        return said

    def end(self) -> None:
        if self._channel:
            self._channel.close()
        self.machine.kill()


def _empty(image: Path) -> Path:
    with image.open("wb") as file:
        file.truncate(512 << 20)
    return image


def _kernel() -> Path:
    unpacked = BUILD / f"kernel-{base.ARCHITECTURE}"
    if not list(unpacked.glob("boot/vmlinuz-*")):
        archive = Archive(base.ARCHITECTURE)
        (image,) = [n for n in archive.closure([f"linux-image-{base.ARCHITECTURE}"]) if re.match(r"linux-image-\d", n)]
        archive.unpack([image, "busybox-static"], unpacked)
    (kernel,) = unpacked.glob("boot/vmlinuz-*")
    return kernel
