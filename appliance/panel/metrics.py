"""What Prometheus is told: one table of metrics, named by its conventions. Labels hold names of the configuration, of
programs and of rules, never of patients. Pure but for the library that writes the text, which is loaded when asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from appliance import __version__
from appliance.panel.health import QUESTIONS
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding
from appliance.panel.lamps import TABLE

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class View:
    """All that there is to tell at one time."""

    facts: Facts
    findings: tuple[Finding, ...] = ()
    lamps: Mapping[str, str] | None = None
    rules: tuple[tuple[str, str, int, int], ...] = ()
    """Alerts so far: program, rule, severity, how many."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One family. A counter's `name` ends with _total."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...]
    read: Callable[[View], Iterable[Sample]]


def _of(program: str, key: str) -> Callable[[View], Iterator[Sample]]:
    """A number that a program says, while it talks."""

    def read(view: View) -> Iterator[Sample]:
        value = view.facts.said(program).get(key)
        if isinstance(value, int | float):
            yield (), value

    return read


def _queue(key: str) -> Callable[[View], Iterator[Sample]]:
    """A number of each destination."""

    def read(view: View) -> Iterator[Sample]:
        for name, queue in view.facts.destinations().items():
            value = queue.get(key)
            if isinstance(value, int | float):
                yield (name,), value

    return read


def _room(key: str) -> Callable[[View], Iterator[Sample]]:
    def read(view: View) -> Iterator[Sample]:
        if view.facts.room is not None:
            yield (), getattr(view.facts.room, key)

    return read


def _of_machine(key: str) -> Callable[[View], Iterator[Sample]]:
    def read(view: View) -> Iterator[Sample]:
        value = getattr(view.facts.machine, key)
        if value is not None:
            yield (), float(value)

    return read


def _file_systems(view: View) -> Iterator[Sample]:
    for device, errors in view.facts.machine.file_system_errors.items():
        yield (device,), errors


def _links(view: View) -> Iterator[Sample]:
    for port, up in view.facts.said("forward").get("links", {}).items():
        yield (port,), float(up)


def _exporter(key: str) -> Callable[[View], Iterator[Sample]]:
    def read(view: View) -> Iterator[Sample]:
        if view.facts.exporter is not None:
            yield (), float(view.facts.exporter[key])

    return read


def _version(_: View) -> Iterator[Sample]:
    yield (__version__,), 1.0


def _clock(view: View) -> Iterator[Sample]:
    yield (), float(view.facts.clock_set)


def _up(view: View) -> Iterator[Sample]:
    for name, said in view.facts.programs.items():
        yield (name,), float(said["state"] == "ok")


def _seen(view: View) -> Iterator[Sample]:
    for name, said in view.facts.programs.items():
        if said["seen"]:
            yield (name,), said["seen"]


def _dropped(view: View) -> Iterator[Sample]:
    for name, said in view.facts.programs.items():
        if isinstance(said.get("dropped"), int):
            yield (name,), said["dropped"]


def _failing(view: View) -> Iterator[Sample]:
    for name, queue in view.facts.destinations().items():
        yield (name,), float(bool(queue.get("error")))


def _breaker(view: View) -> Iterator[Sample]:
    for name, queue in view.facts.destinations().items():
        yield (name,), float(queue.get("circuit", "closed") != "closed")


def _paused(view: View) -> Iterator[Sample]:
    for name, queue in view.facts.destinations().items():
        yield (name,), float(queue.get("paused") is not None)


def _closed(view: View) -> Iterator[Sample]:
    for name, queue in view.facts.destinations().items():
        yield (name,), float(bool(queue.get("opens_in")))


def _last_failure(view: View) -> Iterator[Sample]:
    for name, queue in view.facts.destinations().items():
        if last := queue.get("last_error"):
            yield (name,), last["at"]


def _commitments(view: View) -> Iterator[Sample]:
    requests = view.facts.said("forward").get("commitments")
    for state, number in requests.items() if isinstance(requests, dict) else ():
        yield (state,), number


def _locked(view: View) -> Iterator[Sample]:
    identity = view.facts.said("forward").get("identity")
    if isinstance(identity, dict):
        yield (), float(bool(identity.get("lamp")))


def _ends(view: View) -> Iterator[Sample]:
    for each in view.facts.certificates:
        if each.not_after is not None:
            yield (each.place,), each.not_after


def _health(view: View) -> Iterator[Sample]:
    worst = {question: 0 for question in QUESTIONS if any(each.question == question for each in view.findings)}
    for each in view.findings:
        worst[each.question] = max(worst[each.question], int(each.level))
    for question, level in worst.items():
        yield (question,), level


def _lamps(view: View) -> Iterator[Sample]:
    shown = view.lamps or {}
    for row in TABLE:
        if row.by == "panel" and row.function in shown:
            yield (row.function, row.state), float(shown[row.function] == row.state)


def _alerts(view: View) -> Iterator[Sample]:
    for program, rule, severity, number in view.rules:
        yield (program, rule, str(severity)), number


def _counter(name: str, text: str, read: Callable[[View], Iterable[Sample]], *labels: str) -> Metric:
    return Metric(name, "counter", text, labels, read)


def _gauge(name: str, text: str, read: Callable[[View], Iterable[Sample]], *labels: str) -> Metric:
    return Metric(name, "gauge", text, labels, read)


METRICS: tuple[Metric, ...] = (
    _gauge("appliance_build_info", "Always 1; its label is the version.", _version, "version"),
    # Programs, health, lamps
    _gauge("appliance_program_up", "Whether a program runs and talks.", _up, "program"),
    _gauge("appliance_program_last_report_timestamp_seconds", "When a program last spoke.", _seen, "program"),
    _counter(
        "appliance_program_reports_dropped_total",
        "Words of a program to the panel that were lost.",
        _dropped,
        "program",
    ),
    _gauge(
        "appliance_health_level", "The worst finding on a question: 0 well, 1 warning, 2 alarm.", _health, "question"
    ),
    _gauge("appliance_lamp_state", "1 for the state that each lamp shows.", _lamps, "lamp", "state"),
    # Receiving
    _gauge("appliance_receive_associations", "Associations that are open.", _of("receive", "associations")),
    _gauge("appliance_receive_pending_connections", "Connections without a whole request.", _of("receive", "pending")),
    _gauge("appliance_receive_workers", "Worker processes of receive.", _of("receive", "workers")),
    _counter(
        "appliance_receive_associations_accepted_total", "Associations that were accepted.", _of("receive", "accepted")
    ),
    _counter(
        "appliance_receive_associations_refused_total", "Associations that were refused.", _of("receive", "refused")
    ),
    _counter(
        "appliance_receive_tls_handshakes_failed_total",
        "TLS handshakes that failed.",
        _of("receive", "failed_handshakes"),
    ),
    _counter(
        "appliance_receive_instances_stored_total",
        "Instances that were answered with success.",
        _of("receive", "stored"),
    ),
    _counter(
        "appliance_receive_instances_not_stored_total",
        "Instances that were answered with a failure.",
        _of("receive", "not_stored"),
    ),
    _counter("appliance_receive_stored_bytes_total", "Bytes of stored instances.", _of("receive", "stored_bytes")),
    # The vault and delivery
    _gauge("appliance_vault_objects", "Sealed objects that are kept.", _of("forward", "objects")),
    _gauge("appliance_vault_object_bytes", "Bytes of sealed objects that are kept.", _of("forward", "bytes")),
    _gauge("appliance_vault_locked", "Whether deliveries wait for an identity.", _locked),
    _gauge("appliance_delivery_waiting", "Deliveries that wait.", _queue("waiting"), "destination"),
    _gauge(
        "appliance_delivery_gathering",
        "Deliveries that wait until their studies are complete.",
        _queue("gathering"),
        "destination",
    ),
    _gauge("appliance_delivery_in_flight", "Deliveries on their way.", _queue("leased"), "destination"),
    _gauge("appliance_delivery_held", "Deliveries that wait for a person.", _queue("held"), "destination"),
    _gauge("appliance_delivery_kept", "Delivered objects that are still kept.", _queue("delivered"), "destination"),
    _gauge("appliance_delivery_failures", "Failures of a destination in a row.", _queue("failures"), "destination"),
    _gauge("appliance_delivery_failing", "Whether a destination takes nothing now.", _failing, "destination"),
    _gauge(
        "appliance_delivery_oldest_timestamp_seconds",
        "When the longest-owed object was received.",
        _queue("oldest"),
        "destination",
    ),
    _counter(
        "appliance_delivery_instances_total",
        "Instances that were delivered since forward started.",
        _queue("instances_sent"),
        "destination",
    ),
    _counter(
        "appliance_delivery_bytes_total",
        "Bytes that were delivered since forward started.",
        _queue("bytes_sent"),
        "destination",
    ),
    _counter(
        "appliance_delivery_failed_attempts_total",
        "Attempts to deliver that failed since forward started.",
        _queue("failed"),
        "destination",
    ),
    _gauge(
        "appliance_delivery_instances_per_second",
        "Instances a second at the pace of now.",
        _queue("rate"),
        "destination",
    ),
    _gauge(
        "appliance_delivery_bytes_per_second", "Bytes a second at the pace of now.", _queue("byte_rate"), "destination"
    ),
    _gauge(
        "appliance_delivery_drain_seconds",
        "Seconds until nothing waits at the pace of now.",
        _queue("drained_in"),
        "destination",
    ),
    _gauge(
        "appliance_delivery_breaker_open",
        "Whether the breaker of a destination lets nothing through.",
        _breaker,
        "destination",
    ),
    _gauge("appliance_delivery_held_back", "Whether a person holds a destination back.", _paused, "destination"),
    _gauge(
        "appliance_delivery_closed",
        "Whether the schedule of a destination lets nothing through.",
        _closed,
        "destination",
    ),
    _gauge(
        "appliance_delivery_last_failure_timestamp_seconds",
        "When a destination failed last.",
        _last_failure,
        "destination",
    ),
    _gauge("appliance_commitment_requests", "Storage commitment requests that are open.", _commitments, "state"),
    # The sensor, and alerts of all programs
    _counter("appliance_sensor_packets_total", "Frames that were seen.", _of("sensor", "packets")),
    _counter("appliance_sensor_bytes_total", "Bytes of frames that were seen.", _of("sensor", "bytes")),
    _counter("appliance_sensor_packets_dropped_total", "Frames that were lost.", _of("sensor", "dropped_packets")),
    _counter("appliance_sensor_blind_total", "Times that something was not seen.", _of("sensor", "blind")),
    _counter("appliance_sensor_faults_total", "Frames on which our own code failed.", _of("sensor", "faults")),
    _counter(
        "appliance_sensor_associations_total",
        "Association requests that were seen in clear.",
        _of("sensor", "associations"),
    ),
    _counter("appliance_sensor_tls_hellos_total", "TLS ClientHellos that were seen.", _of("sensor", "tls")),
    _counter(
        "appliance_sensor_alerts_suppressed_total",
        "Alerts beyond the rate at which they may be told.",
        _of("sensor", "suppressed_alerts"),
    ),
    _gauge("appliance_respond_addresses", "Addresses that are blocked now.", _of("respond", "addresses")),
    _counter("appliance_respond_blocks_total", "Blocks that were set.", _of("respond", "blocked")),
    _counter("appliance_respond_mitigated_total", "Blocks that stopped a packet.", _of("respond", "mitigated")),
    _counter("appliance_respond_refused_total", "Blocks that were asked for and refused.", _of("respond", "refused")),
    _counter("appliance_respond_failed_total", "Blocks that the packet filter refused.", _of("respond", "failed")),
    _gauge("appliance_sensor_flows", "Flows that are tracked.", _of("sensor", "flows")),
    _gauge("appliance_sensor_memory_bytes", "Bytes of streams that are kept.", _of("sensor", "memory")),
    _counter("appliance_alerts_total", "Alerts that reached the panel.", _alerts, "program", "rule", "severity"),
    # The box
    _gauge("appliance_disk_size_bytes", "Size of the state directory's medium.", _room("total")),
    _gauge("appliance_disk_free_bytes", "Free space on the medium of the state directory.", _room("free")),
    _gauge("appliance_disk_reserve_bytes", "Free space below which nothing is received.", _room("reserve")),
    _gauge("appliance_disk_free_inodes", "Free inodes on the medium of the state directory.", _room("inodes_free")),
    _gauge("appliance_disk_reserve_inodes", "Free inodes below which nothing is received.", _room("inodes_reserve")),
    _gauge("appliance_clock_synchronised", "Whether the clock is known to be set.", _clock),
    _gauge("appliance_temperature_celsius", "Temperature of the board.", _of_machine("temperature")),
    _gauge("appliance_supply_undervoltage", "Whether the board gets too little voltage.", _of_machine("undervoltage")),
    _gauge(
        "appliance_medium_life_used_ratio",
        "Life that the eMMC has used; above 1, more than was promised.",
        _of_machine("life_used"),
    ),
    _gauge("appliance_filesystem_errors", "Errors of a file system that nobody mended.", _file_systems, "device"),
    _gauge(
        "appliance_memory_pressure_ratio", "Share of 5 minutes with waits for memory.", _of_machine("memory_pressure")
    ),
    _gauge("appliance_disk_pressure_ratio", "Share of 5 minutes all waiting for a disk.", _of_machine("disk_pressure")),
    _gauge("appliance_link_up", "Whether a network port that was connected has a link.", _links, "port"),
    _counter("appliance_link_receive_errors_total", "Frames that came in damaged.", _of("forward", "link_errors")),
    _gauge("appliance_certificate_not_after_timestamp_seconds", "When a certificate ends.", _ends, "certificate"),
    # The collector of syslog
    _gauge("appliance_syslog_connected", "Whether the collector is connected.", _exporter("connected")),
    _gauge(
        "appliance_syslog_waiting_records", "Records that the collector did not surely take yet.", _exporter("waiting")
    ),
    _gauge("appliance_syslog_spool_bytes", "Bytes of records that wait on the disk.", _exporter("bytes")),
    _counter("appliance_syslog_records_sent_total", "Records that were taken by the collector.", _exporter("sent")),
    _counter("appliance_syslog_records_lost_total", "Records that could not be kept.", _exporter("lost")),
)


def exposition(view: View, accept: str = "") -> tuple[bytes, str]:
    """The text and its Content-Type, as the scraper's Accept header asks for it."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector

    class Now(Collector):
        def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
            for metric in METRICS:
                make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                family = make(metric.name, metric.help, labels=metric.labels)
                for values, number in metric.read(view):
                    family.add_metric(list(values), number)
                if family.samples:
                    yield family

    registry = CollectorRegistry()
    registry.register(Now())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
