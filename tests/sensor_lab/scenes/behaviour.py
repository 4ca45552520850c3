"""What is not as it was before: D10, D32, D34, D37."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

from tests.inspection import wire
from tests.sensor_lab.scene import quiet, shows
from tests.sensor_lab.scenes.content import CT_FILE, JPEG_FILE, instance
from tests.sensor_lab.site import Lab
from tests.sensor_lab.tools import Line, dcmtk, echo, pynetdicom_echo, pynetdicom_scp

DAY = 86400


@shows("D10", "pynetdicom", evidence="its implementation was")
def other_software(lab: Lab) -> None:
    """A day later pynetdicom calls itself CT1, which was DCMTK."""
    assert echo(lab) == 0
    lab.mirror.pass_time(DAY + 60)
    assert pynetdicom_echo(lab.ct, "CT1", "EDGE01", lab.edge)


@contextlib.contextmanager
def _another_system(lab: Lab, **settings: int) -> Iterator[None]:
    """The CT's kernel with other settings of its TCP/IP, as another system has them."""
    files = {f"/proc/sys/net/ipv4/{name}": str(value) for name, value in settings.items()}
    before = {name: lab.ct.run("cat", name, check=True).stdout for name in files}

    def put(values: dict[str, str]) -> None:
        for name, value in values.items():
            lab.ct.run("tee", name, input=value, check=True)

    try:
        put(files)
        yield
    finally:
        put(before)


@shows("D10", "echoscu", evidence="its system's TCP was TTL 64")
def same_software_on_another_system(lab: Lab) -> None:
    """A day later CT1 still is DCMTK at its address, on a system that counts from 128 and sends no timestamps."""
    assert echo(lab) == 0
    lab.mirror.pass_time(DAY + 60)
    with _another_system(lab, ip_default_ttl=128, tcp_timestamps=0):
        assert echo(lab) == 0


@quiet("D10", "echoscu")
def same_system_from_further_away(lab: Lab) -> None:
    """A day later CT1 is four routers away."""
    assert echo(lab) == 0
    lab.mirror.pass_time(DAY + 60)
    with _another_system(lab, ip_default_ttl=60):
        assert echo(lab) == 0


@quiet("D10", "echoscu")
def same_software(lab: Lab) -> None:
    """A day later CT1 still is DCMTK."""
    assert echo(lab) == 0
    lab.mirror.pass_time(DAY + 60)
    assert echo(lab) == 0


def _store(lab: Lab, path: str, *options: str) -> None:
    done = dcmtk(lab.ct, "storescu", "CT1", "EDGE01", lab.edge, 104, *options, files=(path,))
    assert done.returncode == 0, done.stderr


@shows("D32", "storescu", evidence="1.2.840.10008.1.2.4.50")
def new_compression(lab: Lab) -> None:
    """A day later the CT sends JPEG, which it never did."""
    _store(lab, CT_FILE)
    lab.mirror.pass_time(DAY + 60)
    _store(lab, JPEG_FILE, "-xy")


@quiet("D32", "storescu")
def known_compression(lab: Lab) -> None:
    """A day later the CT sends JPEG, as it did before."""
    _store(lab, JPEG_FILE, "-xy")
    lab.mirror.pass_time(DAY + 60)
    _store(lab, JPEG_FILE, "-xy")


def _day_of_work(lab: Lab, then: int) -> None:
    lab.viewer.serve(11113, "env", "TCP_NODELAY=1", "storescp", "--ignore", "11113")
    line = Line(lab.ct, lab.viewer, 11113).ask(calling=b"CT1", called=b"READ1")
    uid = struct.pack("<HHI", 0, 0x1000, 8) + b"1.2.3.4\0"
    priority = struct.pack("<HHIH", 0, 0x0700, 2, 0)
    one = wire.p_data(wire.pdv(1, 3, wire.command(1, data_set=True, between=priority, more=uid)))
    one += wire.p_data(wire.pdv(1, 2, struct.pack("<HHI", 8, 0x60, 2) + b"CT"))
    for _ in range(25):
        line.say(one).hear()
        lab.mirror.pass_time(3600)
    for _ in range(then):
        line.say(one).hear()
    line.release()


@shows("D34", "storescp", evidence="1000 in this hour")
def surge(lab: Lab) -> None:
    """The CT stores 1,020 instances in an hour, and one in each of the 25 before."""
    _day_of_work(lab, 1020)


@quiet("D34", "storescp")
def busy_hour(lab: Lab) -> None:
    """It stores 980."""
    _day_of_work(lab, 980)


def _answer(lab: Lab, status: int, count: int = 25) -> None:
    small = instance(lab.room("failed") / "small.dcm")
    with pynetdicom_scp(lab.pacs, 2763, status, "ARCH"):
        dcmtk(lab.ct, "storescu", "CT1", "ARCH", lab.pacs, 2763, "-nh", "--repeat", str(count), files=(small,))


@shows("D37", "pynetdicom, storescu")
def nothing_is_stored(lab: Lab) -> None:
    """A server answers 25 instances with A700H."""
    _answer(lab, 0xA700)


@quiet("D37", "pynetdicom, storescu")
def some_are_not_stored(lab: Lab) -> None:
    """A server answers 19 instances with A700H."""
    _answer(lab, 0xA700, 19)


@quiet("D37", "pynetdicom, storescu")
def everything_is_stored(lab: Lab) -> None:
    """A server stores 25 instances."""
    _answer(lab, 0x0000)
