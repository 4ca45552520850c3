"""The one seam between the vault and the file system: each operation that the vault asks of a disk, and nothing more.

Everything else in this room goes through a `Medium`, so a simulated disk that records, reorders or loses operations can
stand in for it. Names no object and decides nothing. Paths are opened anew for each operation: a file system that was
away and is mounted again is found without a restart.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path

from appliance.vault.mount_state import errors, given_up
from appliance.vault.refusals import Condition, NotRegular, refusable

FILE_MODE = 0o660
"""Group-writable, for `forward` links files that `receive` made: fs.protected_hardlinks asks for read and write."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_READ_AHEAD = 32768  # bytes: a small instance with its header comes in one read


class Medium:
    """The real disk. Every method raises `DiskRefused` or a kind of it, and no OSError."""

    @refusable("start a file")
    def create(self, directory: Path) -> int:
        """Open a nameless file in `directory` for writing; it vanishes with its descriptor unless it is linked."""
        return os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE)

    @refusable("start a file")
    def create_named(self, path: Path) -> int:
        """Make an empty file of this name, to write and read. Raises `AlreadyThere`."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)

    @refusable("open a file for writing")
    def open_to_write(self, path: Path) -> int:
        """Open a file that there is, to write and read. A link is refused, as `open` refuses it."""
        try:
            return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _irregular() from None
            raise

    @refusable("lock a file")
    def lock(self, descriptor: int) -> bool:
        """flock, alone and without waiting; False where another open file has it.

        It belongs to the open file, and the kernel gives it up when that is closed, however its process ends.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @refusable("unlock a file")
    def unlock(self, descriptor: int) -> None:
        """Give the lock up before `close`: whoever is woken by the closing may be faster than the kernel."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    @refusable("ask for the length of a file")
    def length(self, descriptor: int) -> int:
        """Length in bytes."""
        return os.fstat(descriptor).st_size

    @refusable("write a file")
    def write_at(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        """Write all of `data` at `offset`, in one call where the kernel takes it in one."""
        written = os.pwrite(descriptor, data, offset)
        while written < len(data):
            written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)

    @refusable("flush a file to the medium")
    def sync_data(self, descriptor: int) -> None:
        """fdatasync. After a failure the kernel may have dropped the pages and call them clean: never ask again."""
        os.fdatasync(descriptor)

    @refusable("give a file its name")
    def link(self, descriptor: int, path: Path | str) -> None:
        """Give the file behind `descriptor` the name `path`.

        linkat(2) follows /proc/self/fd only with AT_SYMLINK_FOLLOW; Python calls linkat, not link(2), when a directory
        descriptor is given. The path is absolute, so which one is given does not matter.
        """
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)

    @refusable("flush a directory to the medium")
    def sync_directory(self, directory: Path) -> None:
        """Make the names in `directory` durable."""
        descriptor = os.open(directory, _DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @refusable("close a file")
    def close(self, descriptor: int) -> None:
        """Give a descriptor back."""
        os.close(descriptor)

    @refusable("open a file")
    def open(self, path: Path | str) -> BufferedReader:
        """Open a regular file for reading. Other kinds of file are refused: a link or a pipe would lead us astray."""
        try:
            descriptor = os.open(path, _READ)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _irregular() from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _irregular()
        os.set_blocking(descriptor, True)
        return BufferedReader(FileIO(descriptor), _READ_AHEAD)

    @refusable("rename a file")
    def rename(self, old: Path, new: Path) -> None:
        """Move a file; `new` must be on the same file system."""
        old.rename(new)

    @refusable("remove a file")
    def unlink(self, path: Path | str) -> None:
        """Remove a name."""
        os.unlink(path)  # noqa: PTH108, a str may be given

    @refusable("look for a file")
    def exists(self, path: Path | str) -> bool:
        """Whether a name is taken."""
        try:
            os.lstat(path)
        except FileNotFoundError:
            return False
        return True

    @refusable("compare two files")
    def same_file(self, descriptor: int, path: Path | str) -> bool:
        """Whether `path` is a name of the file behind `descriptor`."""
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))

    @refusable("look for a file")
    def identity(self, path: Path) -> tuple[int, int]:
        """What tells the file at `path` from every other, while its file system is mounted."""
        found = path.lstat()
        return found.st_dev, found.st_ino

    @refusable("list a directory")
    def names(self, directory: Path) -> list[str]:
        """The names in a directory, in no order."""
        return os.listdir(directory)  # noqa: PTH208, names are wanted, not a million Path objects

    @refusable("make a directory")
    def make_directory(self, directory: Path, mode: int) -> bool:
        """Make a directory with just `mode`, whatever the umask; False if there is one."""
        try:
            directory.mkdir()
        except FileExistsError:
            return False
        directory.chmod(mode)
        return True

    @refusable("begin to flush a file")
    def start_writing(self, descriptor: int, offset: int, length: int) -> None:
        """Have the kernel begin to write these bytes out, without waiting. It promises nothing; `sync_data` does.

        POSIX_FADV_DONTNEED starts the writing of dirty pages and drops clean ones only, so these stay cached.
        """
        os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_DONTNEED)

    @refusable("drop a file from the page cache")
    def drop_cache(self, descriptor: int) -> None:
        """Make the next read of this file come from the medium."""
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    @refusable("use the state directory")
    def check_alive(self, directory: Path) -> None:
        """Refuse where a directory is not there, or its file system is read-only or was given up by the kernel.

        Writes nothing, so a medium that would refuse the next write for another reason is not found out; but where
        ext4 has counted an error since the last look, a nameless file is begun, to see whether it still takes any.
        """
        descriptor = os.open(directory, _DIRECTORY)
        try:
            device = os.fstat(descriptor).st_dev
            read_only = os.fstatvfs(descriptor).f_flag & os.ST_RDONLY
        finally:
            os.close(descriptor)
        if number := errno.EROFS if read_only else given_up(device):
            raise OSError(number, os.strerror(number))
        found = errors(device)
        if found and found != _outlived.get(device):
            _try_to_write(directory)
        _outlived[device] = found

    @refusable("ask for free space")
    def usage(self, directory: Path) -> os.statvfs_result:
        """statvfs of the file system that holds `directory`."""
        return os.statvfs(directory)


_outlived: dict[int, int] = {}
"""Device number -> so many errors were found on it, and it takes writes all the same."""


def _try_to_write(directory: Path) -> None:
    """Raises OSError where the medium does not take it; not where we have no right to, or no room."""
    try:
        os.close(os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE):
            raise


def _irregular() -> NotRegular:
    return NotRegular("cannot open a file: it is not a regular file", Condition.OTHER)
