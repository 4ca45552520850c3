"""Certificates that do not fit, a clock that jumps, and what is done to `forward` itself."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from appliance.base import limits
from appliance.cli.demo.evidence import Row, Verdict
from tests.delivery.upstream import Authority, Pair
from tests.delivery_lab.lab import Fault, Lab, again, entry_of, stored, storescp, tls_options, whole

_CLOCK = Path(__file__).with_name("clock.c")
_HOUR = 3600


def _certificate(name: str, words: str, wrong: Callable[[Lab, Authority], tuple[Authority, Pair]]) -> Fault:
    """The upstream shows a certificate that does not fit, then gets a right one."""

    def run(lab: Lab) -> Row:
        lab.put()
        authority = Authority(lab.root / "pki")
        entry = entry_of(lab, authority)
        _, pair = wrong(lab, authority)
        with storescp(lab, tls=tls_options(authority, pair)) as upstream:
            lab.begin(upstream.port, **entry)
            lab.told(words)
            assert lab.box.delivered() == 0
            upstream.options = (*tls_options(authority, authority.issue("pacs")), "--fork", "+uf")
            again(upstream)
            lab.all_delivered()
            return lab.arrived(stored(upstream))

    return Fault(f"the upstream's certificate is {name}", run)


def _foreign(lab: Lab, _: Authority) -> tuple[Authority, Pair]:
    other = Authority(lab.root / "other", "other-ca")
    return other, other.issue("stranger")


def _ours_refused(lab: Lab) -> Row:
    """The upstream trusts another CA than the one that signed ours."""
    lab.put()
    authority, other = Authority(lab.root / "pki"), Authority(lab.root / "other", "other-ca")
    entry, pair = entry_of(lab, authority), authority.issue("pacs")
    with storescp(lab, tls=tls_options(other, pair)) as upstream:
        lab.begin(upstream.port, **entry)
        lab.told("TLS")
        upstream.options = (*tls_options(authority, pair), "--fork", "+uf")
        again(upstream)
        lab.all_delivered()
        return lab.arrived(stored(upstream))


def _clock(lab: Lab) -> Row:
    """An hour ahead, two back, while deliveries fail, wait and flow. Nobody retries by hand."""
    if not shutil.which("gcc"):
        return Row(lab.fault, Verdict.NOT_HERE, "gcc is not installed")
    library, step = lab.root / "clock.so", lab.root / "step"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_CLOCK), "-ldl"], check=True)
    step.write_text("0")
    lab.put(10)
    before = {name: os.environ.get(name) for name in ("LD_PRELOAD", "CLOCK_STEP")}
    os.environ.update(LD_PRELOAD=str(library), CLOCK_STEP=str(step))
    try:
        with storescp(lab, "--refuse") as upstream:
            lab.begin(upstream.port)
            lab.told("rejected")
            _set(step, _HOUR)
            failures = lab.queue["failures"]
            lab.await_(lambda: lab.queue["failures"] > failures, "it is tried on, an hour ahead")
            _set(step, -_HOUR)
            failures = lab.queue["failures"]
            lab.await_(lambda: lab.queue["failures"] > failures, "it is tried on, an hour back")
            again(upstream)
            lab.all_delivered(hurry=False)
            lab.put(5)
            lab.all_delivered(hurry=False)
            stamps = {line[:13] for line in lab.box.log.splitlines() if "DELIVERY-FAILED" in line}
            assert len(stamps) > 1, "the clock was not stepped"
            return lab.arrived(stored(upstream))
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _set(step: Path, seconds: int) -> None:
    new = step.with_suffix(".new")
    new.write_text(str(seconds))
    new.rename(step)


def _killed(lab: Lab) -> Row:
    """kill -9 at any moment of start-up, of an instance, of its proof; each time something new is there."""
    dice = random.Random(7)
    with storescp(lab) as upstream:
        lab.box.destination("pacs", upstream.port)
        lab.box.configure()
        for number in range(lab.kills):
            lab.put(6, pixels=100_000)
            before = sum(1 for _ in upstream.directory.iterdir())
            lab.box.start()
            if number % 3:  # while instances are on their way, or their proofs
                lab.await_(lambda seen=before: sum(1 for _ in upstream.directory.iterdir()) > seen, "one arrives")  # type: ignore[misc]
                time.sleep(dice.random() * 0.04)
            else:  # in start-up, or right behind it
                time.sleep(dice.random())
            assert lab.box.stop(signal.SIGKILL) == -signal.SIGKILL
        lab.run()
        lab.all_delivered()
        lab.seen.append(f"{lab.kills} kills")
        # A kill may lose the proofs that were not committed yet: those of a batch, for each association.
        most = limits.DELIVERY_BATCH.default * limits.DELIVERY_ASSOCIATIONS.default
        return lab.arrived(whole(upstream, lab.box.state.sent), twice=most * lab.kills)


FAULTS = (
    _certificate("expired", "expired", lambda _, ca: (ca, ca.issue("old", expired=True))),
    _certificate("of a wrong CA", "certificate", _foreign),
    _certificate("for a wrong name", "certificate", lambda _, ca: (ca, ca.issue("x", host="x.example"))),
    Fault("the upstream does not trust our certificate", _ours_refused),
    Fault("the clock jumps an hour ahead, then two back", _clock),
    Fault("forward is killed again and again", _killed),
)
