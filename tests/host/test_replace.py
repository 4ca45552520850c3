"""A secret file is replaced whole or not at all, wherever it is cut off, and keeps its owner and mode."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError, DiskError, LocalError
from appliance.host.replace import replace_file

OLD, NEW = b"old\n", b"new\nold\n"
# What the kernel is asked to do, in this order or another; the process dies before the nth of them.
CALLS = ("open", "write", "fchmod", "fchown", "fsync", "replace", "unlink")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "identity"
    path.write_bytes(OLD)
    path.chmod(0o400)
    return path


def test_content_changes_and_mode_and_owner_stay(secret: Path) -> None:
    if os.geteuid() == 0:
        os.chown(secret, 12345, 54321)
    before = secret.stat()
    replace_file(secret, lambda content: b"new\n" + content)
    after = secret.stat()
    assert secret.read_bytes() == NEW
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (before.st_uid, before.st_gid, 0o400)
    assert os.listdir(secret.parent) == ["identity"]


def dies_before(secret: Path, number: int) -> bool:
    """Replace it in a process that ends, as by kill -9, before its nth call to the kernel. Whether it came so far."""
    child = os.fork()
    if child == 0:
        seen = 0

        def counted(name: str):  # type: ignore[no-untyped-def]
            call = getattr(os, name)

            def instead(*arguments: object, **options: object) -> object:
                nonlocal seen
                seen += 1
                if seen == number:
                    os._exit(9)
                return call(*arguments, **options)

            return instead

        for name in CALLS:
            setattr(os, name, counted(name))
        try:
            replace_file(secret, lambda _: NEW)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_wherever_it_is_killed_one_of_the_two_is_there_and_the_next_one_works(tmp_path: Path) -> None:
    seen = []
    for number in range(1, 100):
        place = tmp_path / str(number)
        place.mkdir()
        secret = place / "identity"
        secret.write_bytes(OLD)
        secret.chmod(0o400)
        died = dies_before(secret, number)
        seen.append(secret.read_bytes())
        assert seen[-1] in (OLD, NEW)
        beside = secret.with_name("identity.new")
        assert not beside.exists() or not stat.S_IMODE(beside.stat().st_mode) & 0o077
        replace_file(secret, lambda content: content + b"third\n")
        assert secret.read_bytes() == seen[-1] + b"third\n"
        assert os.listdir(place) == ["identity"]
        if not died:
            break
    assert seen[0] == OLD and seen[-1] == NEW and len(seen) > 5


def test_the_new_content_is_on_the_medium_before_it_has_the_name(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)

        def noted(*arguments: object, name: str = name, call: object = call) -> object:
            order.append(name)
            return call(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(os, name, noted)
    replace_file(secret, lambda _: NEW)
    assert order == ["fsync", "replace", "fsync"]


def test_a_medium_that_refuses_leaves_it_as_it_was(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DiskError, match="Input/output error"):
        replace_file(secret, lambda _: NEW)
    assert secret.read_bytes() == OLD
    assert os.listdir(secret.parent) == ["identity"]


def test_what_is_no_file_is_not_replaced(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "link").symlink_to(secret)
    with pytest.raises(DiskError, match="symbolic link"):
        replace_file(tmp_path / "link", lambda _: NEW)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="no file"):
        replace_file(tmp_path / "pipe", lambda _: NEW)
    (tmp_path / "long").write_bytes(bytes(200_000))
    with pytest.raises(ConfigError, match="longer than"):
        replace_file(tmp_path / "long", lambda _: NEW)
    assert secret.read_bytes() == OLD


def test_one_at_a_time(secret: Path) -> None:
    directory = os.open(secret.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        with pytest.raises(LocalError, match="another command"):
            replace_file(secret, lambda _: NEW)
    finally:
        os.close(directory)
    assert secret.read_bytes() == OLD
