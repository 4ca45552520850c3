from __future__ import annotations

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import os, subprocess, sys, threading
from appliance.host import processor
before = os.sched_getaffinity(0)
processor.keep_to_one()
threading.Thread(target=lambda: print(len(os.sched_getaffinity(0)))).start()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(len(os.sched_getaffinity(child.pid)))
processor.set_free(child.pid)
print(os.sched_getaffinity(child.pid) == before)
child.communicate(b"\\n")
processor.set_free(child.pid)
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this machine gives us one processor")
def test_a_program_keeps_to_one_and_sets_a_child_free() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["1", "1", "True"], done.stderr


def test_where_it_is_forbidden_nothing_changes() -> None:
    forbidden = (
        "import os\ndef forbid(*_): raise PermissionError\n"
        "os.sched_setaffinity = forbid\nfrom appliance.host import processor\n"
        "processor.keep_to_one(); processor.set_free(os.getpid()); print('went on')"
    )
    done = subprocess.run([sys.executable, "-c", forbidden], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "went on", done.stderr
