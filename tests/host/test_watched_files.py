"""A changed file is noticed once, whole, however it was written: the editors' ways of saving, links turned over."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.host.watched_files import ABSENCE, LOOK_EVERY, PATIENCE, REST, WatchedFiles

OLD, NEW = "x = 1\n" * 50, "x = 2\n" * 60


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Watching:
    """One watched file. `settles` is what a loop would do until nothing is to come."""

    def __init__(self, *paths: Path, bell: bool = True) -> None:
        self.clock = Clock()
        self.files = WatchedFiles(paths, now=self.clock, bell=bell)

    def after(self, seconds: float) -> bool:
        """Whether a change counts after so many seconds, asked at once and then."""
        before = self.files.due()
        self.clock.at += seconds
        return self.files.due() or before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "appliance.toml"
    path.parent.mkdir()
    path.write_text(OLD)
    return path


def edit_in_place(path: Path) -> None:
    path.write_text(NEW)


def rename_over(path: Path) -> None:
    fresh = path.with_name(".appliance.toml.tmp")
    fresh.write_text(NEW)
    fresh.replace(path)


def move_aside_then_write(path: Path) -> None:
    path.rename(path.with_name("appliance.toml~"))
    path.write_text(NEW)


def delete_then_write(path: Path) -> None:
    path.unlink()
    path.write_text(NEW)


def link_from_outside(path: Path) -> None:
    fresh = path.parent.parent / "fresh"
    fresh.write_text(NEW)
    path.unlink()
    os.link(fresh, path)


def touch_same_size(path: Path) -> None:
    path.write_text(OLD.replace("1", "3"))


def another_text_of_the_same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_text(OLD.replace("1", "4"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def sed(path: Path) -> None:
    subprocess.run(["sed", "-i", "s/x = 1/x = 2/", path], check=True)


def perl(path: Path) -> None:
    subprocess.run(["perl", "-pi", "-e", "s/x = 1/x = 2/", path], check=True)


def install(path: Path) -> None:
    fresh = path.parent.parent / "fresh"
    fresh.write_text(NEW)
    subprocess.run(["install", "-m", "0640", fresh, path], check=True)


def shell(path: Path) -> None:
    subprocess.run(["sh", "-c", 'printf "x = 2\\n" >> "$0"', path], check=True)


def _vim(path: Path, *settings: str) -> None:
    editor = shutil.which("vim.tiny") or shutil.which("vim")
    if not editor:
        pytest.skip("vim is not installed: `make setup` does that")
    command = [editor, "-u", "NONE", "-es", *(word for each in settings for word in ("-c", f"set {each}"))]
    subprocess.run([*command, "-c", "%s/x = 1/x = 2/", "-c", "wq", path], check=True, stdin=subprocess.DEVNULL)


def vim_as_it_comes(path: Path) -> None:
    _vim(path)


def vim_renaming(path: Path) -> None:
    _vim(path, "backup", "backupcopy=no")


def vim_copying(path: Path) -> None:
    _vim(path, "backup", "backupcopy=yes", "swapfile")


WAYS: list[Callable[[Path], None]] = [
    edit_in_place,
    rename_over,
    move_aside_then_write,
    delete_then_write,
    link_from_outside,
    touch_same_size,
    another_text_of_the_same_size_and_time,
    sed,
    perl,
    install,
    shell,
    vim_as_it_comes,
    vim_renaming,
    vim_copying,
]


@pytest.mark.parametrize("bell", [True, False], ids=["with a bell", "by looking"])
@pytest.mark.parametrize("save", WAYS, ids=lambda way: way.__name__)
def test_each_way_of_saving_is_one_change(path: Path, save: Callable[[Path], None], bell: bool) -> None:
    watching = Watching(path, bell=bell)
    assert not watching.after(REST)
    for _ in range(3):
        save(path)
        assert not watching.files.due()  # not before it rests
        assert watching.after(REST)
        assert not watching.after(LOOK_EVERY)
        path.write_text(OLD)
        assert watching.after(REST)


def test_a_bell_rings_at_once_and_not_for_what_lies_beside(path: Path) -> None:
    watching = Watching(path)
    (path.parent / "other").write_text("x")
    assert not watching.files.due()
    assert watching.files.wait() > REST
    path.write_text(NEW)
    assert not watching.files.due()
    assert 0 < watching.files.wait() <= REST


def test_half_a_file_is_not_read_while_somebody_has_it_open(path: Path) -> None:
    watching = Watching(path)
    with path.open("w") as file:
        for piece in range(8):
            file.write(f"a = {piece}\n")
            file.flush()
            assert not watching.after(PATIENCE - 1)
    assert watching.after(REST)


def test_who_never_closes_it_is_waited_for_only_so_long(path: Path) -> None:
    watching = Watching(path)
    with path.open("a") as file:
        file.write("a = 1\n")
        file.flush()
        assert not watching.after(PATIENCE - 1)
        assert watching.after(1)


def test_an_empty_or_missing_file_is_given_a_moment(path: Path) -> None:
    watching = Watching(path)
    path.unlink()
    assert not watching.after(REST)
    path.touch()
    assert not watching.after(REST)
    path.write_text(NEW)
    assert watching.after(REST)
    path.unlink()
    assert watching.after(ABSENCE)
    path.write_text(NEW)
    assert watching.after(REST)


def test_rapid_saves_are_one_change(path: Path) -> None:
    watching = Watching(path)
    for number in range(20):
        path.write_text(f"x = {number}\n")
        assert not watching.after(REST / 2)
    assert watching.after(REST)
    assert not watching.after(LOOK_EVERY)


def test_a_pair_is_noticed_when_both_are_there(path: Path) -> None:
    certificate, key = path.with_name("a.crt"), path.with_name("a.key")
    certificate.write_text("1")
    key.write_text("1")
    watching = Watching(path, certificate, key)
    certificate.write_text("2")
    assert not watching.after(REST / 2)
    key.write_text("2")
    assert not watching.after(REST / 2)
    assert watching.after(REST / 2)
    assert not watching.after(LOOK_EVERY)


@pytest.mark.parametrize("bell", [True, False], ids=["with a bell", "by looking"])
def test_links_that_are_turned_over_are_changes_at_every_step(tmp_path: Path, bell: bool) -> None:
    for name, text in (("one", OLD), ("two", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "appliance.toml").write_text(text)
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "..data").symlink_to("../one")
    (etc / "appliance.toml").symlink_to("..data/appliance.toml")
    watching = Watching(etc / "appliance.toml", bell=bell)

    def turn(to: str) -> None:
        (etc / "..fresh").symlink_to(to)
        (etc / "..fresh").replace(etc / "..data")

    turn("../two")
    assert watching.after(REST)
    (tmp_path / "two" / "appliance.toml").write_text(OLD)  # below the new one too
    assert watching.after(REST)
    turn("../one")
    assert watching.after(REST)
    (etc / "appliance.toml").unlink()
    (etc / "appliance.toml").symlink_to(tmp_path / "two" / "appliance.toml")
    assert watching.after(REST)


@pytest.mark.parametrize("bell", [True, False], ids=["with a bell", "by looking"])
def test_a_directory_that_is_replaced_is_noticed(path: Path, bell: bool) -> None:
    watching = Watching(path, bell=bell)
    fresh = path.parent.with_name("fresh")
    fresh.mkdir()
    (fresh / path.name).write_text(NEW)
    path.parent.rename(path.parent.with_name("old"))
    fresh.rename(path.parent)
    assert not watching.files.due()
    assert watching.after(REST)
    path.write_text(OLD)  # the bell hangs in the new one
    assert watching.after(REST)


def test_a_mode_that_let_us_not_read_it_is_a_change(path: Path) -> None:
    path.chmod(0o000)
    watching = Watching(path)
    path.chmod(0o644)
    assert watching.after(REST)


def test_what_is_followed_anew_was_just_read_and_what_is_not_is_kept(path: Path) -> None:
    watching = Watching(path)
    other = path.with_name("other")
    other.write_text("1")
    path.write_text(NEW)
    watching.files.follow([path, other])
    assert watching.after(REST)  # of `path`, which nobody read since
    other.write_text("2")
    assert watching.after(REST)
    path.write_text(OLD)
    watching.files.seen()
    assert not watching.after(LOOK_EVERY)
    assert not watching.after(REST)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert not Watching(tmp_path / "a").after(REST)


def test_it_leaves_no_descriptor_behind(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    watching = Watching(path)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    watching.files.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert watching.files.fileno() == -1
