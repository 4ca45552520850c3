"""How fast sealing and opening are on this machine: run it as a program, it prints one line a figure."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from io import BytesIO

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.seal.header import read_header
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import generate_identity
from appliance.seal.opening import Opening, open_record, verify
from appliance.seal.record import RecordFacts
from appliance.seal.sealing import Sealing

MEGABYTES = 64
FACTS = RecordFacts("00" * 16, 0.0, "peer", "CALLING", "CALLED", "1.2", "1.2", "CT", b"", b"", b"")


def best(act: Callable[[], object], rounds: int = 5) -> float:
    """Seconds of the fastest of some rounds: the machine is shared."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    index_key = IndexKey.generate()
    total = MEGABYTES * 1_000_000
    cipher, chunk, out = ChaCha20Poly1305(bytes(32)), os.urandom(65536), bytearray(65552)
    seconds = best(lambda: [cipher.encrypt_into(bytes(12), chunk, None, out) for _ in range(1000)])
    print(f"{'primitive alone, 64 KiB chunks':44} {65.536 / seconds:8.0f} MB/s")
    hybrid, classical = generate_identity("hybrid"), generate_identity("classical")

    def seal(size: int, digest: bool, sink: Callable[[memoryview], object]) -> None:
        sealing = Sealing([hybrid.recipient], index_key, sink)
        sealing.write(b"head" * 100)
        if digest:
            sealing.begin_data_set()
        view = memoryview(os.urandom(size))
        for _ in range(total // size):
            sealing.write(view)
        sealing.finish(FACTS)

    for size in (16384, 65536, 1 << 20):
        for digest in (True, False):
            seconds = best(lambda size=size, digest=digest: seal(size, digest, len))
            name = f"sealing, writes of {size // 1024} KiB" + ("" if digest else ", data set not digested")
            print(f"{name:44} {MEGABYTES / seconds:8.0f} MB/s")
    for identity in (hybrid, classical):
        seconds = best(lambda identity=identity: [identity.recipient.wrap(bytes(16), os.urandom) for _ in range(500)])
        print(f"{f'wrapping a file key, {identity.kind}':44} {seconds / 500 * 1e6:8.0f} µs")
        for count in (1, 2):
            recipients = [identity.recipient] * count

            def small(recipients: list = recipients) -> None:
                for _ in range(500):
                    sealing = Sealing(recipients, index_key, len)
                    sealing.begin_data_set()
                    sealing.finish(FACTS)

            print(f"{f'an empty object, {count} {identity.kind}':44} {best(small) / 500 * 1e6:8.0f} µs")
    payload = bytearray()
    sealing = Sealing([hybrid.recipient], index_key, payload.extend)
    for _ in range(total // 65536):
        sealing.write(chunk)
    data = sealing.finish(FACTS) + bytes(payload)
    seconds = best(lambda: sum(map(len, Opening(BytesIO(data), [hybrid]))))
    print(f"{'opening':44} {MEGABYTES / seconds:8.0f} MB/s")
    print(
        f"{'verify with the index key alone':44} {MEGABYTES / best(lambda: verify(BytesIO(data), index_key)):8.0f} MB/s"
    )
    seconds = best(lambda: [open_record(read_header(BytesIO(data[:8192])), index_key) for _ in range(500)])
    print(f"{'header and record read':44} {seconds / 500 * 1e6:8.0f} µs")


if __name__ == "__main__":
    main()
