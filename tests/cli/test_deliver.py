"""`appliance deliver` and `appliance open`, out of directories and a bucket of a real S3 service, into a real PACS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.main import run
from appliance.config.urls import Place
from appliance.delivery.bucket_store import BucketStore
from appliance.delivery.directory_store import DirectoryStore
from appliance.delivery.store import Store, name_of
from tests.delivery.s3_peer import BUCKET, KEY, MISSING, s3
from tests.delivery.upstream import Authority, StoreScp, free_port, tls_options, until
from tests.delivery.vaults import J2K, State


class Upstream:
    """A box, its archive, and the files that `deliver` is given."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.box = State(root / "box")
        self.archive = root / "archive"
        self.archive.mkdir()
        self.identity = root / "identity"
        self.identity.write_text(self.box.identity.export() + "\n")
        self.identity.chmod(0o400)

    def put(self, count: int, store: Store | None = None, **instance: Any) -> list[str]:
        ids = [self.box.put(**instance) for _ in range(count)]
        for object_id in ids:
            with self.box.layout.incoming_file(object_id).open("rb") as file:
                (store or DirectoryStore(self.archive)).put(name_of(object_id), file)
        return ids

    def arguments(self, port: int, *more: str, source: str = "") -> list[str]:
        return [
            "deliver", "--from", source or f"file://{self.archive}", "--to", f"dimse://PACS@localhost:{port}",
            "-i", str(self.identity), "--state", str(self.root / "state"), *more,
        ]  # fmt: skip


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path)


def test_all_of_a_directory_goes_over_mutual_tls(
    upstream: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path / "pki")
    ours, theirs = authority.issue("edge"), authority.issue("pacs")
    tls = ["--ca", str(authority.certificate), "--certificate", str(ours.certificate), "--key", str(ours.key)]
    upstream.put(10)
    with StoreScp(tmp_path / "pacs", (*tls_options(authority, theirs), "--fork")) as pacs:
        assert run(upstream.arguments(pacs.port, *tls)) == 0
        assert capsys.readouterr().err == "10 delivered, 0 were before, 0 refused.\n"
        assert pacs.received() == upstream.box.sent
        upstream.put(1)
        assert run(upstream.arguments(pacs.port, *tls, "--json")) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["delivered"], said["before"], said["refused"], said["refusals"]) == (1, 10, 0, [])
        assert pacs.received() == upstream.box.sent


def test_out_of_a_bucket(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if MISSING:
        pytest.skip(MISSING)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    with s3(tmp_path / "s3") as service, StoreScp(tmp_path / "pacs") as pacs:
        objects = upstream.put(3, BucketStore(Place(BUCKET, "edge01"), KEY, KEY, endpoint=service.url))
        source = f"s3://{BUCKET}/edge01"
        access = ["--endpoint", service.url, "--access-key-id", KEY]
        assert run(upstream.arguments(pacs.port, "--cleartext", *access, source=source)) == 0
        assert pacs.received() == upstream.box.sent

        out = tmp_path / "opened.dcm"
        wanted = ["open", f"{source}/{name_of(objects[1])}", "-i", str(upstream.identity), "-o", str(out), *access]
        assert run(wanted) == 0
        assert out.read_bytes().endswith(list(upstream.box.sent.values())[1])
        assert run(wanted) == 70  # it is there already
        out.unlink()
        assert run([*wanted[:1], f"{source}/ab/{'ab' * 16}.dcm.age", *wanted[2:]]) == 69
        assert run([*wanted[:1], f"{source}/x", *wanted[2:]]) == 2
        assert not out.exists()


def test_open_out_of_a_directory_by_its_url(upstream: Upstream, tmp_path: Path) -> None:
    (object_id,) = upstream.put(1)
    out = tmp_path / "opened.dcm"
    name = f"file://{upstream.archive}/{name_of(object_id)}"
    assert run(["open", name, "-i", str(upstream.identity), "-o", str(out)]) == 0
    assert out.read_bytes().endswith(next(iter(upstream.box.sent.values())))
    path = upstream.archive / name_of(object_id)
    path.write_bytes(path.read_bytes()[:-5])
    out.unlink()
    assert run(["open", name, "-i", str(upstream.identity), "-o", str(out)]) == 65
    assert not out.exists()
    assert run(["open", str(tmp_path / "none"), "-i", str(upstream.identity), "-o", str(out)]) == 2


def test_refusals_are_said_and_end_with_1(
    upstream: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.put(2)
    (bad,) = upstream.put(1, content=b"\xfe\xff\x00\xe0", syntax=J2K)
    with StoreScp(tmp_path / "pacs", options=("--fork",)) as pacs:
        assert run(upstream.arguments(pacs.port, "--cleartext")) == 1
        said = capsys.readouterr().err
        assert f"refused {bad}: the PACS does not accept" in said
        assert "2 delivered, 0 were before, 1 refused." in said
        assert run(upstream.arguments(pacs.port, "--cleartext", "--json")) == 1
        (refusal,) = json.loads(capsys.readouterr().out)["refusals"]
        assert refusal["object"] == bad


def test_a_pacs_that_is_not_there_ends_with_69(upstream: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    upstream.put(1)
    assert run(upstream.arguments(free_port(), "--cleartext", "--tries", "1")) == 69
    said = capsys.readouterr().err
    assert "0 delivered, 0 were before, 0 refused.\n" in said and "cannot connect to localhost" in said


@pytest.mark.parametrize(
    ("more", "source", "words"),
    [
        ([], "", "TLS needs --ca"),
        (["--cleartext", "--certificate", "IDENTITY"], "", "--certificate and --key go together"),
        (["--cleartext", "--to", "dimse://h:104"], "", "--to: a PACS is written like"),
        (["--cleartext"], "ftp://x", "ftp://x: a place for objects is written like"),
        (["--cleartext"], "s3://bucket", "A bucket needs --access-key-id."),
        (["--cleartext", "--access-key-id", "x"], "s3://bucket", "A bucket needs --endpoint, or its AWS --region."),
        (["--cleartext", "--access-key-id", "x", "--endpoint", "h"], "s3://bucket", "--endpoint: the URL of a service"),
        (
            ["--cleartext", "--access-key-id", "x", "--region", "eu-1", "--secret-access-key", "hunter2"],
            "s3://bucket",
            "--secret-access-key: a secret is named by where it lies",
        ),
    ],
)
def test_wrong_use_is_said(
    upstream: Upstream, more: list[str], source: str, words: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    more = [str(upstream.identity) if each == "IDENTITY" else each for each in more]
    assert run(upstream.arguments(104, *more, source=source)) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert words in said and "hunter2" not in said


def test_interrupted_it_ends_in_order_and_goes_on_later(upstream: Upstream, tmp_path: Path) -> None:
    upstream.put(300, pixels=20_000)
    # The PACS itself interrupts the command, when it has six of them: however busy the machine is, the rest is to come.
    script, number = tmp_path / "interrupt.sh", tmp_path / "number"
    script.write_text(
        f"[ $(ls {tmp_path}/pacs | wc -l) -gt 5 ] || exit 0\n"
        f"until [ -s {number} ]; do [ -e {number}.used ] && exit 0; sleep 0.1; done\n"
        f"mv {number} {number}.used && kill -INT $(cat {number}.used)\n"
    )
    pacs = StoreScp(tmp_path / "pacs", options=("+xa", "--exec-sync", "--exec-on-reception", f"sh {script}")).start()
    try:
        command = [sys.executable, "-m", "appliance", *upstream.arguments(pacs.port, "--cleartext")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
            number.write_text(str(process.pid))
            _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        first = int(said.split(" delivered")[0])
        assert 0 < first < 300
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True)
        assert done.stderr == f"{300 - first} delivered, {first} were before, 0 refused.\n"
        assert pacs.received() == upstream.box.sent
    finally:
        pacs.stop()


def test_killed_at_any_time_nothing_is_lost(upstream: Upstream, tmp_path: Path) -> None:
    upstream.put(150, pixels=20_000)
    pacs = StoreScp(tmp_path / "pacs", options=("+xa", "--fork")).start()
    try:
        command = [sys.executable, "-m", "appliance", *upstream.arguments(pacs.port, "--cleartext")]
        for wanted in (10, 40, 90):
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                until(lambda wanted=wanted: len(list(pacs.directory.iterdir())) > wanted)  # type: ignore[misc]
                process.kill()
        subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
        assert pacs.received() == upstream.box.sent
    finally:
        pacs.stop()
