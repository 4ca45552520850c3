"""A capture that somebody made: pcap and pcapng, gzipped or not, read with scapy's readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from appliance.base.errors import LocalError
from appliance.inspection.engine import Packet

_LONGEST = 1 << 18
_LARGEST = 1 << 26  # bytes of a block
_BATCH = 2000
_ETHERNET, _RAW, _RAW_OLD, _COOKED, _COOKED_2 = 1, 101, 12, 113, 276
_NOBODY = bytes(12)  # the addresses of a frame that has none


class PcapUnreadable(LocalError):
    """A file is no capture that we can read."""

    exit_status = 65  # EX_DATAERR


class _Read:
    """The bytes of a file as scapy's reader takes them. `whole`: they ended where a record ends, so far as is known."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.begins = True  # the next bytes begin a record
        self.whole = False
        self.cut = False

    def read(self, size: int) -> bytes:
        begins, self.begins = self.begins, False
        self.whole = False
        try:
            data = self._file.read(size) if size <= _LARGEST else b""
        except Exception:
            self.cut = True
            raise
        self.whole = begins and not data
        self.cut |= len(data) < size and not self.whole
        return data

    def close(self) -> None:
        self._file.close()


class PcapFile:
    """A capture file, a `source.Source` as an interface is. Iterating gives packets; frames of other link types than we
    know are passed over and counted. What lies behind a damaged record is not read: `cut` says so at the end."""

    def __init__(self, path: Path) -> None:
        from scapy.error import Scapy_Exception
        from scapy.utils import RawPcapNgReader, RawPcapReader

        try:
            self._file = path.open("rb")
        except OSError as error:
            raise PcapUnreadable(f"cannot open {path}: {error.strerror}") from None
        try:
            self._reader = RawPcapReader(self._file)
        except (OSError, EOFError, Scapy_Exception):
            self._file.close()
            raise PcapUnreadable(f"{path} is no pcap or pcapng file", fix="Capture with `tcpdump -w`.") from None
        self._read = self._reader.f = _Read(self._reader.f)
        if isinstance(self._reader, RawPcapNgReader):
            self._reader._read_block = self._block(self._reader._read_block)
            self._reader._read_block_shb = self._section(self._reader._read_block_shb)
        self._size = path.stat().st_size
        self._linktype = getattr(self._reader, "linktype", None)
        self.passed_over = 0
        self.cut = False

    def __iter__(self) -> Iterator[Packet]:
        while True:
            self._read.begins = True
            try:
                data, said = self._reader._read_packet(_LONGEST)
            except EOFError:
                self.cut = self._read.cut or not self._read.whole
                return
            frame = _as_ethernet(data, getattr(said, "linktype", self._linktype))
            if frame is None:
                self.passed_over += 1
                continue
            yield self._time(said), frame, (said.wirelen or len(data)) + len(frame) - len(data), None

    @property
    def how(self) -> str:
        """See `source.Source`."""
        return "capture file"

    @property
    def lossy(self) -> bool:
        """See `source.Source`."""
        return False

    def batches(self, wake: int = -1, timeout: float = 0.0) -> Iterator[list[Packet]]:
        """See `source.Source`; they end with the file, and no descriptor wakes what never waits."""
        packets = iter(self)
        while batch := list(islice(packets, _BATCH)):
            yield batch

    def losses(self) -> tuple[int, bool]:
        """See `source.Source`. What the capture lost that made the file is not known here."""
        return 0, False

    def _block(self, read: Callable[..., Any]) -> Callable[..., Any]:
        """A pcapng file has more blocks than packets."""

        def block(**size: int) -> Any:
            self._read.begins = True
            return read(**size)

        return block

    def _section(self, read: Callable[[], None]) -> Callable[[], None]:
        """Another section, as of files that were put together, numbers its interfaces anew; scapy goes on counting."""

        def section() -> None:
            self._reader.interfaces.clear()
            read()

        return section

    def _time(self, said: Any) -> float:
        if hasattr(said, "tsresol"):
            if said.tshigh is None:
                return 0.0
            return float(((said.tshigh << 32) + said.tslow) / said.tsresol)
        return float(said.sec + said.usec * (1e-9 if self._reader.nano else 1e-6))

    @property
    def progress(self) -> float:
        """How much of the file was read, 0 to 1."""
        return min(1.0, self._file.tell() / self._size) if self._size else 1.0

    def close(self) -> None:
        """Release the file."""
        self._reader.close()
        self._file.close()


def _as_ethernet(data: bytes, linktype: int | None) -> bytes | None:
    """The frame, or an Ethernet frame made of it where the capture has another link type (`tcpdump -i any`)."""
    linktype = (linktype or 0) & 0xFFFF  # above it pcap says whether there is a checksum behind the frame
    if linktype == _ETHERNET:
        return data
    if linktype == _COOKED:
        return _NOBODY + data[14:]
    if linktype == _COOKED_2:
        return _NOBODY + data[0:2] + data[20:]
    if linktype in (_RAW, _RAW_OLD) and data:
        return _NOBODY + (b"\x86\xdd" if data[0] >> 4 == 6 else b"\x08\0") + data
    return None
