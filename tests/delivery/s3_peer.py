"""A real S3 service as a peer: npm's s3rver, in cleartext or over TLS. It checks the access key id and keeps objects in
files.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.cli.demo.dcmtk import listens
from tests.delivery.upstream import Pair, free_port, until

PROGRAM = Path(__file__).parents[2] / "build" / "npm" / "node_modules" / "s3rver" / "bin" / "s3rver.js"
NODE = shutil.which("node")
MISSING = None if NODE and PROGRAM.exists() else "node or s3rver is missing: npm install --prefix build/npm s3rver@^3.7"
KEY = "S3RVER"  # the one account that it knows
BUCKET = "sealed"


@dataclass
class S3:
    """The running service. `process` may be killed and started again by the test that wants that."""

    directory: Path
    port: int
    url: str

    def content(self, name: str) -> bytes | None:
        """What lies under a name."""
        path = self.directory / BUCKET / f"{name}._S3rver_object"
        return path.read_bytes() if path.exists() else None

    def names(self) -> list[str]:
        """All names."""
        found = (self.directory / BUCKET).rglob("*._S3rver_object")
        return sorted(str(each.relative_to(self.directory / BUCKET)).removesuffix("._S3rver_object") for each in found)


@contextlib.contextmanager
def s3(directory: Path, pair: Pair | None = None, port: int = 0) -> Iterator[S3]:
    """Run the service with one bucket until the block ends."""
    port = port or free_port()
    directory.mkdir(exist_ok=True)
    tls = ["--key", str(pair.key), "--cert", str(pair.certificate)] if pair else []
    bucket = ["--configure-bucket", BUCKET]
    _repair(directory)
    with (directory.parent / "s3.log").open("ab") as log:
        process = subprocess.Popen(
            [str(NODE), str(PROGRAM), "-d", str(directory), "-a", "127.0.0.1", "-p", str(port), *tls, *bucket],
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: process.poll() is not None or listens(port))
        assert process.poll() is None, (directory.parent / "s3.log").read_text()[-2000:]
        until((directory / BUCKET).exists)
        yield S3(directory, port, f"{'https' if pair else 'http'}://localhost:{port}")
    finally:
        process.terminate()
        process.wait(10)


def _repair(directory: Path) -> None:
    """Remove what it had begun to say of an object when it was ended: HTTP 500 would be its answer ever after."""
    for each in directory.rglob("*._S3rver_*"):
        if not each.name.endswith("_object") and not each.stat().st_size:
            each.unlink()
