"""A connection of the SCP over a socket pair, and the other end of it: real sealing into a real directory."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.config.model import Config, Peer
from appliance.config.values import Share
from appliance.scp.connection import Connection
from appliance.scp.deadlines import Reaper
from appliance.scp.gate import Gate
from appliance.scp.ingest import Ingest
from appliance.scp.origin import Origin
from appliance.scp.places import Places
from appliance.scp.service import Service
from appliance.scp.tally import Tally
from appliance.scp.transport import Transport
from appliance.scp.user_identities import UserIdentities
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Identity, generate_identity
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import CommandSet, c_store_rq
from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext
from appliance.vault.accepted import Published
from appliance.vault.incoming import Incoming
from appliance.vault.intake import Intake
from appliance.vault.layout import StateLayout
from appliance.vault.space import Space

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
CONTEXTS = (
    PresentationContext(1, VERIFICATION, (EXPLICIT,)),
    PresentationContext(3, CT, (EXPLICIT,)),
)


def config(state: Path, recipient: str, **receive: Any) -> Config:
    return Config.model_validate(
        {
            "appliance": {"ae_title": "EDGE01", "state_dir": str(state), "runtime_dir": str(state / "run")},
            "receive": {"listen_plain": ["127.0.0.1:104"], **receive},
            "peer": [{"name": "CT", "ae_titles": ["CT1"], "addresses": ["192.0.2.0/24"], "tls": "allowed"}],
            "vault": {"recipients": [recipient], "index_key": "file:/k"},
        }
    )


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return tag.to_bytes(4, "big")[1::-1] + tag.to_bytes(4, "big")[:1:-1] + vr + len(value).to_bytes(2, "little") + value


def data_set(instance: str, sop_class: str = CT, filling: int = 0) -> bytes:
    head = [
        element(0x00080016, b"UI", sop_class.encode()),
        element(0x00080018, b"UI", instance.encode()),
        element(0x00080060, b"CS", b"CT"),
        element(0x0020000D, b"UI", b"1.2.3.77"),
        element(0x0020000E, b"UI", b"1.2.3.77.1"),
    ]
    return b"".join(head) + b"\xe0\x7f\x10\x00OW\0\0" + filling.to_bytes(4, "little") + b"p" * filling


class Scene:
    """The SCP in a thread, its vault, and the requestor's end."""

    def __init__(self, state: Path, **receive: Any) -> None:
        self.identity: Identity = generate_identity("classical")
        self.index_key = IndexKey.generate()
        self.layout = StateLayout(state)
        self.layout.create()
        self.alerts: list[dict[str, Any]] = []
        self.associated: list[int] = []
        self.places = Places()
        self.min_free = Share(bytes=1)
        self.intake = Intake(Incoming(self.layout), [self.identity.recipient], self.index_key)
        self.config = config(state, str(self.identity.recipient), **receive)

    def change_peer(self, **changes: Any) -> None:
        """Say more in the entry of the modality."""
        peer = Peer.model_validate(self.config.peer[0].model_dump() | changes)
        self.config = self.config.model_copy(update={"peer": (peer,)})

    def service(self) -> Service:
        ingest = Ingest(self.intake, Space(self.layout.incoming, self.min_free), self.index_key, "EDGE01")
        gate = Gate(self.config, UserIdentities(self.config), self.places)
        accepted = Published(self.config.appliance.runtime_dir)
        return Service(self.config, ingest, Tally(), gate, accepted, self.alerts.append, self.associated.append)

    @contextmanager
    def connect(self, address: str = "192.0.2.1") -> Iterator[Requestor]:
        ours, theirs = _tcp_pair()
        reaper = Reaper()
        transport = Transport(ours, None)
        origin = Origin(1, ipaddress.ip_address(address), 50000)
        self.served = self.service()
        connection = Connection(transport, origin, reaper.watch(transport.socket), self.served)
        thread = threading.Thread(target=connection.run)
        thread.start()
        theirs.settimeout(10)
        try:
            yield Requestor(theirs)
        finally:
            theirs.close()
            thread.join(10)
            assert not thread.is_alive()

    def files(self) -> list[Path]:
        return sorted(self.layout.incoming.iterdir())


def _tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    return accepted, client


class Requestor:
    """The other end: sends bytes, or drives an engine of its own."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.engine: upper.Association | None = None
        self._events: list[upper.Event] = []

    def associate(
        self,
        calling_ae: str = "CT1",
        called_ae: str = "EDGE01",
        contexts: tuple[PresentationContext, ...] = CONTEXTS,
        **more: Any,
    ) -> upper.Event:
        self.engine = upper.Association.requestor(AssociateRequest(called_ae, calling_ae, contexts, **more))
        self.socket.sendall(self.engine.associate_request())
        return self.hear()

    def store(self, instance: str, data: bytes, sop_class: str = CT, context_id: int = 3) -> CommandSet:
        self.send_store(instance, data, sop_class, context_id)
        event = self.hear()
        assert isinstance(event, upper.CommandReceived), event
        return event.command

    def send_store(
        self, instance: str, data: bytes, sop_class: str = CT, context_id: int = 3, last: bool = True
    ) -> None:
        assert self.engine is not None
        self.socket.sendall(self.engine.send_command(context_id, c_store_rq(1, sop_class, instance), True))
        for pdu in self.engine.send_data(context_id, data, last):
            self.socket.sendall(pdu)

    def hear(self) -> upper.Event:
        """The next event that is not a data fragment."""
        assert self.engine is not None
        while not self._events:
            received = self.socket.recv(65536)
            events = self.engine.receive(received) if received else self.engine.connection_lost()
            self._events += list(events)
        return self._events.pop(0)
