"""The evidence: each promise that the demo can show, judged by what is on the disks and in the logs afterwards."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from appliance.cli.demo.box import Box, holds
from appliance.cli.demo.dcmtk import data_set
from appliance.cli.demo.images import Image
from appliance.cli.demo.site import Site
from appliance.host.alerts import read_alerts
from appliance.seal import bech32

_GREPS = 10
_EVER = datetime.min.replace(tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Verdict(Enum):
    """How a row of the table ended."""

    SHOWN = "shown"
    FAILED = "FAILED"
    NOT_HERE = "not shown here"


@dataclass(frozen=True, slots=True)
class Row:
    """A promise, whether it was seen to hold, and by what."""

    promise: str
    verdict: Verdict
    evidence: str


def judge(promise: str, holds_true: bool, evidence: str) -> Row:
    """A row that is shown or failed."""
    return Row(promise, Verdict.SHOWN if holds_true else Verdict.FAILED, evidence)


def delivered(answered: list[Image], sent: dict[str, bytes], arrived: dict[str, bytes], tried: int, kills: int) -> Row:
    """Every instance that was answered 0x0000 is upstream, byte for byte, and nothing else is."""
    missing = [image.instance for image in answered if image.instance not in arrived]
    changed = [image.instance for image in answered if arrived.get(image.instance, b"") != sent[image.instance]]
    extra = set(arrived) - set(sent)
    size = sum(len(arrived[image.instance]) for image in answered if image.instance in arrived)
    differ = len(set(changed) - set(missing))
    return judge(
        "0x0000 means durable, and delivered",
        len(answered) == tried and not missing and not changed and not extra,
        f"kill -9 on the way: {kills}; {len(answered)} of {tried} instances answered 0x0000, {len(arrived)} upstream "
        f"({size / 1e6:.0f} MB); {len(missing)} missing, {differ} differ in a byte from what storescu sends, "
        f"{len(extra)} never sent",
    )


def opens_with_age(site: Site, sent: dict[str, bytes], classical: bool, npm: Path | None) -> Row:
    """Sealed objects open with the recovery key and somebody else's age program, and hold what was sent."""
    promise = "An open format: an age file of a DICOM file"
    objects = sorted((site.state / "objects").glob("*/*.dcm.age"))
    opened = site.root / "opened"
    opened.mkdir()
    if classical:
        if not shutil.which("age"):
            return Row(promise, Verdict.NOT_HERE, "the program age is not installed")
        program = subprocess.run(["age", "--version"], capture_output=True, text=True).stdout.strip()
        name = f"age {program} with the recovery key"
        for sealed in objects:
            command = ["age", "-d", "-i", str(site.recovery), "-o", str(opened / sealed.name), str(sealed)]
            subprocess.run(command, check=False, capture_output=True)
    else:
        if npm is None or not shutil.which("node"):
            return Row(promise, Verdict.NOT_HERE, "no age program that knows hybrid keys is installed; try --classical")
        name = "age-encryption (npm) with the recovery key"
        _open_with_node(npm, site.recovery, objects, opened)
    wanted = set(sent.values())
    right = sum(1 for path in opened.iterdir() if data_set(path.read_bytes()) in wanted)
    return judge(
        promise,
        bool(objects) and right == len(objects),
        f"{name} opened {right} of {len(objects)} objects, all as sent",
    )


_SCRIPT = """
import { webcrypto } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
globalThis.crypto ??= webcrypto;  // Debian 12's Node 18 has it under this name only
const { Decrypter } = await import("age-encryption");
const [identity, into, list] = process.argv.slice(2);
const decrypter = new Decrypter();
decrypter.addIdentity((await readFile(identity, "ascii")).trim());
for (const path of (await readFile(list, "utf8")).split("\\n").filter(Boolean)) {
  await writeFile(join(into, basename(path)), await decrypter.decrypt(await readFile(path)));
}
"""


def _open_with_node(npm: Path, identity: Path, objects: list[Path], into: Path) -> None:
    """Run npm's age-encryption over the objects. The script stands where node finds the package."""
    script = npm / f"open-{os.getpid()}.mjs"
    names = into.parent / "objects.txt"
    names.write_text("\n".join(str(path) for path in objects))
    try:
        script.write_text(_SCRIPT)
        command = ["node", str(script), str(identity), str(into), str(names)]
        subprocess.run(command, check=False, capture_output=True, timeout=300)
    finally:
        script.unlink(missing_ok=True)


def no_phi(site: Site, images: list[Image], upstream: Path) -> Row:
    """grep finds no name, id or UID of what was sent in the raw state directory, and finds them where they must be."""
    words = sorted({word for image in images for word in image.words})
    patterns = site.root / "words.txt"
    patterns.write_text("\n".join(words) + "\n")
    files = _sizes(site.state)
    at_rest = _grep(patterns, site.state)
    logged = _grep(patterns, site.log)
    control = _grep(patterns, upstream)
    return judge(
        "No PHI at rest",
        not at_rest and not logged and bool(control),
        f"grep for {len(words)} names, ids and UIDs: {at_rest} of {len(files)} state files ({sum(files) / 1e6:.0f} MB) "
        f"and {logged} logs hold one; of the upstream's own files {control} do",
    )


def _sizes(directory: Path) -> list[int]:
    """Of each file below a directory. The appliance is at work there: files go meanwhile."""
    found = []
    for path in directory.rglob("*"):
        try:
            about = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(about.st_mode):
            found.append(about.st_size)
    return found


def _grep(patterns: Path, where: Path) -> int:
    """In how many files below `where` one of the fixed strings occurs."""
    command = ["grep", "-rlaF", "-f", str(patterns), str(where)]
    for _ in range(_GREPS):
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        if done.returncode <= 1:
            return len(done.stdout.splitlines())
        if any("No such file" not in line for line in done.stderr.splitlines()):
            break  # else one went between its listing and its reading
    raise OSError(done.stderr)


def holds_no_key(site: Site, box: Box) -> Row:
    """The receiving processes have the identity nowhere in their memory; forward, which opens objects, has."""
    promise = "What faces the network cannot read what it stored"
    receive, forward = box.pids("receive"), box.pids("forward")
    secrets = [site.box.export().encode(), bech32.decode(site.box.export())[1]]
    try:
        found = [pid for pid in receive if holds(pid, secrets)]
        control = any(holds(pid, secrets) for pid in forward)
    except OSError as error:
        return Row(promise, Verdict.NOT_HERE, f"the memory of the programs may not be read: {error.strerror}")
    if not control:
        return Row(promise, Verdict.NOT_HERE, "the search finds the key not even in forward, so it proves nothing")
    return judge(
        promise,
        bool(receive) and not found,
        f"the box's key is in the memory of forward and of {len(found)} of {len(receive)} receiving processes; "
        "that they cannot read the key's file is for the units: here one user runs all",
    )


def raised(site: Site, since: datetime = _EVER, until: datetime = _NEVER) -> dict[str, str]:
    """The alerts about the appliance's and the upstream's ports in a span of time: title by rule.

    The loopback interface may carry other people's DICOM as well, which is none of the demo's business.
    """
    ports = {site.port, site.upstream_port}
    found = {}
    for record in read_alerts(site.state / "alerts" / "sensor.jsonl"):
        when = datetime.fromisoformat(record["timestamp"])
        if since <= when < until and ports & {record.get("src_port"), record.get("dest_port")}:
            found[record["alert"]["signature_id"]] = record["alert"]["signature"]
    return found
