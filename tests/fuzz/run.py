"""make fuzz: every target for its share of FUZZ_SECONDS (default 600), coverage-guided where atheris is installed.

    python -m tests.fuzz.run                 all targets, one after another
    python -m tests.fuzz.run data_head 60    one target, seconds
    python -m tests.fuzz.run data_head FILE  what a finding does

atheris (set-up brings it) has wheels for some CPythons on x86-64 Linux, 3.11 among them; elsewhere seeds are
mutated at random by ourselves, which is told. Inputs that broke something, and the corpus, are kept below build/fuzz.
"""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "fuzz"


def mutations(seeds: tuple[bytes, ...], dice: random.Random) -> Iterator[bytes]:
    """Seeds with a few bytes changed, cut, doubled or put together, without end."""
    odd = (0, 1, 2, 3, 4, 5, 7, 0x20, 0x40, 0x50, 0x7F, 0x80, 0xFE, 0xFF)
    while True:
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(0, 6)):
            at = dice.randrange(len(data) + 1)
            match dice.randrange(6):
                case 0 | 1 if at < len(data):
                    data[at] = dice.choice(odd) if dice.random() < 0.6 else dice.randrange(256)
                case 2:
                    del data[at : at + dice.choice((1, 2, 4, 30, len(data)))]
                case 3:
                    data[at:at] = dice.choice(seeds)[: dice.choice((1, 4, 60, 1000))]
                case 4:
                    data[at : at + 4] = dice.choice(
                        (b"\xff" * 4, bytes(4), b"\0\0\0\x04", b"\x04\0\0\0", b"\x7f\xff\xff\xff")
                    )
                case _:
                    data[at:at] = dice.randbytes(dice.randint(1, 9))
        yield bytes(data)


def mutate(name: str, seconds: float, seed: int) -> int:
    """Mutate at random for a while; how many inputs were tried. What breaks is kept, and raised."""
    from tests.fuzz.targets import TARGETS

    target = next(target for target in TARGETS if target.name == name)
    until = time.monotonic() + seconds
    for tried, data in enumerate(mutations(target.seeds, random.Random(seed))):
        if time.monotonic() > until:
            return tried
        try:
            target.run(data)
        except BaseException:
            KEPT.mkdir(parents=True, exist_ok=True)
            (KEPT / f"crash-{name}").write_bytes(data)
            raise
    return 0


def guided(name: str, seconds: float) -> None:
    """Have atheris drive a target; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["appliance"], enable_loader_override=False):
        from tests.fuzz import targets
    target = next(target for target in targets.TARGETS if target.name == name)
    corpus = KEPT / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={max(1, int(seconds))}", "-max_len=200000", "-timeout=20", "-verbosity=0"]
    atheris.Setup(
        [sys.argv[0], *options, "-print_final_stats=1", f"-artifact_prefix={KEPT}/{name}-", str(corpus)], target.run
    )
    atheris.Fuzz()


def main() -> int:
    """Command line."""
    if len(sys.argv) == 3 and Path(sys.argv[2]).is_file():
        from tests.fuzz.targets import TARGETS

        next(target for target in TARGETS if target.name == sys.argv[1]).run(Path(sys.argv[2]).read_bytes())
        return 0
    has_atheris = importlib.util.find_spec("atheris") is not None
    if len(sys.argv) == 3:
        if has_atheris:
            guided(sys.argv[1], float(sys.argv[2]))
        else:
            print(f"{sys.argv[1]}: {mutate(sys.argv[1], float(sys.argv[2]), time.time_ns())} inputs")
        return 0
    from tests.fuzz.targets import TARGETS

    print("coverage-guided, by atheris" if has_atheris else "atheris is not installed: mutations at random")
    share = float(os.environ.get("FUZZ_SECONDS", "600")) / len(TARGETS)
    failed = []
    for target in TARGETS:
        print(f"== {target.name}: {' '.join((target.run.__doc__ or '').split())}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.run", target.name, str(share)], cwd=ROOT, capture_output=True, text=True
        )
        tail = (done.stdout + done.stderr).splitlines()
        print("\n".join(line for line in tail if "stat::number_of_executed_units" in line or "inputs" in line))
        if done.returncode:
            failed.append(target.name)
            print("\n".join(tail[-40:]))
    print(f"broken: {', '.join(failed)}; the inputs are in {KEPT}" if failed else "every invariant held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
