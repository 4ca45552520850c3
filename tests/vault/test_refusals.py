from __future__ import annotations

import errno

import pytest

from appliance.base.errors import DiskError, Fault
from appliance.vault.refusals import AlreadyThere, Condition, NotThere, refused


@pytest.mark.parametrize(
    ("number", "condition"),
    [
        (errno.ENOSPC, Condition.FULL),
        (errno.EDQUOT, Condition.FULL),
        (errno.EROFS, Condition.READ_ONLY),
        (errno.EIO, Condition.BROKEN),
        (errno.ENOENT, Condition.MISSING),
        (errno.EACCES, Condition.DENIED),
        (errno.EMFILE, Condition.EXHAUSTED),
        (errno.EOPNOTSUPP, Condition.UNSUITABLE),
        (errno.EBADF, Condition.OTHER),
    ],
)
def test_each_errno_tells_what_is_wrong_and_what_to_do(number: int, condition: Condition) -> None:
    refusal = refused("write a file", OSError(number, "x", "/state/secret-name"))
    assert refusal.condition is condition
    assert isinstance(refusal, DiskError)
    assert refusal.fault is Fault.DISK
    assert refusal.temporary
    assert refusal.fix == f"{condition.value}."
    assert refusal.message.startswith("cannot write a file: ")
    assert "secret-name" not in str(refusal)


def test_missing_and_taken_names_have_their_own_kind() -> None:
    assert isinstance(refused("x", OSError(errno.ENOENT, "")), NotThere)
    assert isinstance(refused("x", OSError(errno.EEXIST, "")), AlreadyThere)


def test_each_who_is_concerned_gets_a_refusal_of_their_own() -> None:
    first = refused("flush", OSError(errno.EIO, ""))
    second = first.again()
    assert second is not first
    assert (second.message, second.condition, second.fix) == (first.message, first.condition, first.fix)
