"""Orthanc as a peer of tests and benchmarks: the installed one, else the one that set-up unpacked below build/orthanc.

Owns where it is found, how it is started and asked. Starts nothing that outlives the block that asked for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appliance.cli.demo.dcmtk import listens

UNPACKED = Path(__file__).parents[1] / "build" / "orthanc"
INSTALLED_PLUGINS = Path("/usr/share/orthanc/plugins")
MISSING = "Orthanc is not here: `make setup` unpacks it below build/orthanc"


@dataclass(frozen=True, slots=True)
class Orthanc:
    """How to start it: the program, variables that its environment needs beside ours, and its DICOMweb plugin."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)
    dicomweb: Path | None = None


def find(unpacked: Path = UNPACKED, path: str | None = None) -> Orthanc | None:
    """The Orthanc of this machine, or None. `path` is searched instead of PATH."""
    # A plain user's PATH on Debian lacks the directory that it is installed into.
    path = path if path is not None else f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    program = shutil.which("Orthanc", path=path) or shutil.which(str(unpacked / "usr/sbin/Orthanc"))
    if program is None:
        return None
    environment = {}
    libraries = [*unpacked.glob("usr/lib/*-linux-*"), *unpacked.glob("lib/*-linux-*")]
    if libraries:
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, libraries))
    for dictionary in unpacked.glob("usr/share/*dcmtk*/dicom.dic"):
        environment["DCMDICTPATH"] = str(dictionary)
    plugins = (each / "libOrthancDicomWeb.so" for each in (INSTALLED_PLUGINS, unpacked / "usr/share/orthanc/plugins"))
    return Orthanc(program, environment, next((each for each in plugins if each.exists()), None))


class Running:
    """A running Orthanc: `port` is that of its REST API."""

    def __init__(self, port: int) -> None:
        self.port = port

    def call(self, path: str, body: bytes | None = None) -> bytes:
        """GET, or POST of `body`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", body, timeout=30) as answer:
            said: bytes = answer.read()
            return said


@contextlib.contextmanager
def running(orthanc: Orthanc, work: Path, **settings: object) -> Iterator[Running]:
    """Run it with its database below `work` until the block ends. `settings` are those of orthanc.json."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    work.mkdir(parents=True)
    everything = {
        "StorageDirectory": str(work),
        "IndexDirectory": str(work),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "Plugins": [],
        **settings,
    }
    (work / "orthanc.json").write_text(json.dumps(everything))
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(
            [orthanc.program, str(work / "orthanc.json")],
            env={**os.environ, **orthanc.environment},
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + 60
        while not listens(port):
            assert process.poll() is None and time.monotonic() < until, (work / "log").read_text()[-2000:]
            time.sleep(0.05)
        yield Running(port)
    finally:
        process.terminate()
        process.wait(20)
