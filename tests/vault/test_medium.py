from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from appliance.vault import medium as medium_module
from appliance.vault.medium import Medium
from appliance.vault.refusals import AlreadyThere, Condition, DiskRefused, NotRegular, NotThere


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user can enter; tmp_path is for its owner alone."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def _file(medium: Medium, directory: Path, name: str, content: bytes = b"content") -> Path:
    descriptor = medium.create(directory)
    medium.write_at(descriptor, content, 0)
    medium.sync_data(descriptor)
    medium.link(descriptor, directory / name)
    medium.close(descriptor)
    return directory / name


def test_a_nameless_file_gets_its_name(tmp_path: Path) -> None:
    medium = Medium()
    descriptor = medium.create(tmp_path)
    medium.write_at(descriptor, b"world", 6)
    medium.write_at(descriptor, memoryview(b"hello "), 0)
    assert medium.names(tmp_path) == []
    medium.link(descriptor, tmp_path / "greeting")
    medium.close(descriptor)
    assert (tmp_path / "greeting").read_bytes() == b"hello world"


def test_an_abandoned_nameless_file_leaves_nothing(tmp_path: Path) -> None:
    medium = Medium()
    medium.close(medium.create(tmp_path))
    assert medium.names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
def test_an_ordinary_user_links_a_nameless_file(public: Path) -> None:
    """No capability is needed: linkat of /proc/self/fd, not AT_EMPTY_PATH."""
    incoming = public / "incoming"
    incoming.mkdir()
    incoming.chmod(0o777)
    script = (
        "import os, sys; from pathlib import Path; from appliance.vault.medium import Medium\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "m = Medium(); d = m.create(Path(sys.argv[1])); m.write_at(d, b'x', 0); m.sync_data(d)\n"
        "m.link(d, Path(sys.argv[1]) / 'linked'); m.sync_directory(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", script, str(incoming)], check=True, cwd=Path(__file__).parents[2])
    assert (incoming / "linked").read_bytes() == b"x"


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
def test_the_adopting_user_links_what_the_receiving_user_wrote(public: Path) -> None:
    """fs.protected_hardlinks demands read and write for a file of another user: the group gives both."""
    incoming, objects = public / "incoming", public / "objects"
    for directory, user in ((incoming, 60001), (objects, 60002)):
        directory.mkdir()
        os.chown(directory, user, 60000)
        directory.chmod(0o2770 if directory == incoming else 0o700)
    prelude = (
        "import os, sys; from pathlib import Path; from appliance.vault.medium import Medium\n"
        "os.setgroups([60000]); os.setgid({0}); os.setuid({0}); os.umask(0o007); m = Medium()\n"
        "incoming, objects = map(Path, sys.argv[1:])\n"
    )
    receive = prelude.format(60001) + (
        "d = m.create(incoming); m.write_at(d, b'x', 0); m.sync_data(d); m.link(d, incoming / 'a')"
    )
    forward = prelude.format(60002) + (
        "f = m.open(incoming / 'a'); m.link(f.fileno(), objects / 'a'); m.sync_directory(objects)\n"
        "m.unlink(incoming / 'a'); f.close()"
    )
    for script in (receive, forward):
        subprocess.run(
            [sys.executable, "-c", script, str(incoming), str(objects)], check=True, cwd=Path(__file__).parents[2]
        )
    assert os.listdir(incoming) == []
    assert os.listdir(objects) == ["a"]


def test_names_that_are_missing_or_taken_say_so(tmp_path: Path) -> None:
    medium = Medium()
    path = _file(medium, tmp_path, "a")
    with pytest.raises(AlreadyThere):
        _file(medium, tmp_path, "a")
    with medium.open(path) as file:
        assert medium.same_file(file.fileno(), path)
        assert not medium.same_file(file.fileno(), _file(medium, tmp_path, "b"))
    medium.unlink(path)
    for operation in (medium.unlink, medium.open, medium.sync_directory):
        with pytest.raises(NotThere) as caught:
            operation(path)
        assert caught.value.condition is Condition.MISSING
        assert caught.value.__cause__ is not None


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A program that faces the network could put a pipe or a link where an object belongs."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "directory").mkdir()
    for name in ("pipe", "link", "directory"):
        with pytest.raises(NotRegular):
            Medium().open(tmp_path / name)


def test_directories_get_their_mode_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        assert Medium().make_directory(tmp_path / "shared", 0o2770)
    finally:
        os.umask(previous)
    assert (tmp_path / "shared").stat().st_mode & 0o7777 == 0o2770
    assert not Medium().make_directory(tmp_path / "shared", 0o700)
    assert (tmp_path / "shared").stat().st_mode & 0o7777 == 0o2770


def test_a_named_file_is_made_once_and_written_again(tmp_path: Path) -> None:
    medium = Medium()
    path = tmp_path / "segment"
    descriptor = medium.create_named(path)
    medium.write_at(descriptor, b"zeros", 0)
    assert medium.length(descriptor) == 5
    medium.close(descriptor)
    with pytest.raises(AlreadyThere):
        medium.create_named(path)
    descriptor = medium.open_to_write(path)
    medium.write_at(descriptor, b"r", 0)
    medium.close(descriptor)
    assert path.read_bytes() == b"reros"
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(NotRegular):
        medium.open_to_write(tmp_path / "link")
    with pytest.raises(NotThere):
        medium.open_to_write(tmp_path / "none")


def test_a_lock_is_one_openings_alone_until_it_is_closed(tmp_path: Path) -> None:
    medium = Medium()
    path = _file(medium, tmp_path, "segment")
    first, second = medium.open_to_write(path), medium.open_to_write(path)
    with medium.open(path) as reader:
        assert medium.lock(first)
        assert not medium.lock(second)
        assert not medium.lock(reader.fileno())
        medium.unlock(first)
        assert medium.lock(second)
        medium.close(second)
        assert medium.lock(reader.fileno())
    medium.close(first)


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    medium = Medium()
    path = _file(medium, tmp_path, "segment")
    script = (
        "import sys; from pathlib import Path; from appliance.vault.medium import Medium\n"
        "m = Medium(); print(m.lock(m.open_to_write(Path(sys.argv[1]))), flush=True); sys.stdin.read()"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdin and worker.stdout
    with worker.stdin, worker.stdout, medium.open(path) as reader:
        assert worker.stdout.readline() == "True\n"
        assert not medium.lock(reader.fileno())
        worker.kill()
        worker.wait()
        assert medium.lock(reader.fileno())


def test_a_file_system_that_is_well_and_one_that_is_not_there(tmp_path: Path) -> None:
    medium = Medium()
    medium.check_alive(tmp_path)
    with pytest.raises(NotThere):
        medium.check_alive(tmp_path / "missing")
    proc = Path("/proc/sys")
    if os.statvfs(proc).f_flag & os.ST_RDONLY:  # in a container
        with pytest.raises(DiskRefused) as caught:
            medium.check_alive(proc)
        assert caught.value.condition is Condition.READ_ONLY


def test_an_error_that_was_counted_has_one_write_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ext4 of Linux 6.12 tells nothing else; `make vm-test` has it find one."""
    real, tried, refusal = os.open, [0], [0]

    def open_(path: Path, flags: int, *rest: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            tried[0] += 1
            if refusal[0]:
                raise OSError(refusal[0], os.strerror(refusal[0]))
        return real(path, flags, *rest)

    counted = [0]
    monkeypatch.setattr(medium_module, "errors", lambda _: counted[0])
    monkeypatch.setattr(medium_module.os, "open", open_)
    for count, number, expected in (
        (0, 0, 0),
        (1, 0, 1),
        (1, 0, 0),  # it is known to have outlived that one
        (2, errno.EACCES, 1),
        (3, errno.EIO, 1),
        (3, errno.EIO, 1),
        (3, 0, 1),
        (0, 0, 0),
        (3, 0, 1),  # checked, and another three
    ):
        counted[0], refusal[0], tried[0] = count, number, 0
        if number == errno.EIO:
            with pytest.raises(DiskRefused) as caught:
                Medium().check_alive(tmp_path)
            assert caught.value.condition is Condition.BROKEN
        else:
            Medium().check_alive(tmp_path)
        assert tried[0] == expected, (count, number)
