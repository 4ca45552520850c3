"""What DCMTK's storescp can be told to do wrong, what happens to it, and to the line before it."""

from __future__ import annotations

import threading

from appliance.cli.demo.evidence import Verdict
from tests.delivery.relay import Fault as Harm
from tests.delivery.relay import Relay
from tests.delivery_lab import warp
from tests.delivery_lab.lab import Fault, Lab, again, stored, storescp, whole
from tests.delivery_lab.row import Row


def _until_well(option: str, words: str, twice: int) -> Fault:
    def run(lab: Lab) -> Row:
        lab.put()
        with storescp(lab, option) as upstream:
            lab.begin(upstream.port)
            lab.failing(words)
            again(upstream)
            lab.all_delivered()
            return lab.arrived(whole(upstream, lab.box.state.sent), twice=twice)

    return Fault(f"storescp {option}, then well", run)


def _slow(option: str, count: int) -> Fault:
    def run(lab: Lab) -> Row:
        with storescp(lab, option, "1") as upstream:
            lab.begin(upstream.port)
            lab.hear(lab.telling.well)
            lab.put(count)
            lab.hear(lambda: lab.telling.goes_on(1))
            lab.all_delivered(hurry=False)
            return lab.arrived(stored(upstream))

    return Fault(f"storescp {option} 1", run)


def _killed_in_an_instance(lab: Lab) -> Row:
    lab.put(6, pixels=4_000_000)
    with storescp(lab) as upstream, Relay(upstream.port) as relay:
        lab.begin(relay.port)
        lab.await_(lambda: relay.passed > 10_000_000, "10 MB on their way")
        upstream.stop()
        lab.failing("it closed the connection")
        upstream.start()
        lab.all_delivered()
        return lab.arrived(whole(upstream, lab.box.state.sent), twice=2)  # two associations, one answer each


def _cut_again_and_again(lab: Lab) -> Row:
    lab.put(10, pixels=300_000)
    harm = Harm(cut=400_000, again=(250_000, 500_000, 750_000))
    with storescp(lab) as upstream, Relay(upstream.port, harm) as relay:
        lab.begin(relay.port)
        lab.hear(lambda: lab.telling.happened(""))
        lab.all_delivered()
        assert harm.cut is None, "the line was not cut four times"
        return lab.arrived(whole(upstream, lab.box.state.sent), twice=4)


def _partition(lab: Lab) -> Row:
    """Nothing gets through for half an hour, which passes in three seconds; nobody retries by hand meanwhile."""
    if warp.MISSING:
        return Row(lab.fault, Verdict.NOT_HERE, warp.MISSING)
    lab.put(20, pixels=200_000)
    with warp.warped(lab.root) as time, storescp(lab) as upstream:
        with Relay(upstream.port, Harm(cut=900_000)) as relay:
            port = relay.port
            lab.begin(port)
            lab.await_(lambda: relay.fault.cut is None, "the line was cut")
        lab.failing("refused")
        failures = lab.queue["failures"]
        time.pass_(30 * 60, within=3)
        lab.put(5)  # reception goes on meanwhile
        lab.await_(time.passed, "half an hour passes")
        lab.failing("refused")
        lab.hear(lambda: lab.telling.backlog("the oldest for 30 min"))
        tries = lab.queue["failures"] - failures
        # Once a minute at the latest; a wait is drawn from nothing to a minute.
        assert 30 <= tries <= 600, f"{tries} tries in half an hour"
        waiting = lab.queue["waiting"] + lab.queue["leased"] + lab.box.delivered()
        assert waiting == 25, lab.queue
        lab.seen.append(f"{tries} tries in half an hour")
        with Relay(upstream.port, port=port):
            lab.all_delivered()
            return lab.arrived(whole(upstream, lab.box.state.sent), twice=2)


class _Line(Relay):
    """Passes nothing on while it is silent, and says nothing of it to either end, as a cable that was pulled."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.speaks = threading.Event()
        self.speaks.set()

    def _harm(self, data: bytes) -> bytes:
        self.speaks.wait()
        return super()._harm(data)


def _silence(lab: Lab) -> Row:
    """In mid-instance the line falls silent for half an hour, which passes in three seconds: nobody is told that."""
    if warp.MISSING:
        return Row(lab.fault, Verdict.NOT_HERE, warp.MISSING)
    lab.put(6, pixels=4_000_000)
    with warp.warped(lab.root, peers=True) as time, storescp(lab) as upstream, _Line(upstream.port) as line:
        lab.begin(line.port)
        lab.await_(lambda: line.passed > 6_000_000, "6 MB on their way")
        line.speaks.clear()
        try:
            time.pass_(30 * 60, within=3)
            lab.failing("did not come within", "took nothing from us", "it took longer than")
            lab.await_(time.passed, "half an hour passes")
            lab.failing("an answer to our A-ASSOCIATE-RQ did not come within 30 s")
            lab.hear(lambda: lab.telling.backlog("the oldest for 30 min"))
        finally:
            line.speaks.set()
        lab.all_delivered()
        return lab.arrived(whole(upstream, lab.box.state.sent), twice=2)  # what lay on the line arrives after all


def _contexts_refused(lab: Lab) -> Row:
    lab.put(20)
    with storescp(lab, tls=()) as upstream:  # uncompressed little and big endian only
        lab.begin(upstream.port)
        lab.held("does not accept this SOP class with this transfer syntax", 6)
        lab.await_(lambda: lab.box.delivered() == 14, "the others are delivered")
        upstream.options = ("+xa", "--fork", "+uf")
        again(upstream)
        lab.all_delivered()
        return lab.arrived(stored(upstream))


FAULTS = (
    _until_well("--refuse", "the association was rejected", 0),
    _until_well("--abort-after", "the association was aborted", 12),
    _until_well("--abort-during", "the association was aborted", 12),
    _slow("--sleep-after", 3),
    _slow("--sleep-during", 1),
    Fault("upstream killed in mid-instance", _killed_in_an_instance),
    Fault("the line is cut in mid-instance, again and again", _cut_again_and_again),
    Fault("a partition of 30 minutes (compressed) while instances come in", _partition),
    Fault("the line is silent for 30 minutes (compressed)", _silence),
    Fault("contexts refused for some instances", _contexts_refused),
)
