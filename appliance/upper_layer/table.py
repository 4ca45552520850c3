"""The state machine of the upper layer as data: PS3.8 table 9-10, word for word.

Owns states, events, actions and where an action leads. It must never act: `association.py` does what an action says.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class State(IntEnum):
    """PS3.8 tables 9-1 to 9-5."""

    STA1 = 1  # idle
    STA2 = 2  # transport open, awaiting A-ASSOCIATE-RQ
    STA3 = 3  # awaiting the local user's response to it
    STA4 = 4  # awaiting the transport connection
    STA5 = 5  # awaiting A-ASSOCIATE-AC or -RJ
    STA6 = 6  # association established
    STA7 = 7  # awaiting A-RELEASE-RP
    STA8 = 8  # awaiting the local user's release response
    STA9 = 9  # release collision, requestor: awaiting the local user's release response
    STA10 = 10  # release collision, acceptor: awaiting A-RELEASE-RP
    STA11 = 11  # release collision, requestor: awaiting A-RELEASE-RP
    STA12 = 12  # release collision, acceptor: awaiting the local user's release response
    STA13 = 13  # awaiting the close of the transport connection


class Evt(IntEnum):
    """The events of PS3.8 table 9-10, by number."""

    ASSOCIATE_REQUEST = 1  # local user
    TRANSPORT_CONFIRM = 2
    ASSOCIATE_AC_PDU = 3
    ASSOCIATE_RJ_PDU = 4
    TRANSPORT_INDICATION = 5
    ASSOCIATE_RQ_PDU = 6
    ACCEPT = 7  # local user
    REJECT = 8  # local user
    P_DATA_REQUEST = 9  # local user
    P_DATA_TF_PDU = 10
    RELEASE_REQUEST = 11  # local user
    RELEASE_RQ_PDU = 12
    RELEASE_RP_PDU = 13
    RELEASE_RESPONSE = 14  # local user
    ABORT_REQUEST = 15  # local user
    ABORT_PDU = 16
    TRANSPORT_CLOSED = 17
    ARTIM_EXPIRED = 18
    INVALID_PDU = 19  # unrecognized or invalid


class Action(Enum):
    """PS3.8 tables 9-6 to 9-9, by the standard's name."""

    AE_1 = "AE-1"
    AE_2 = "AE-2"
    AE_3 = "AE-3"
    AE_4 = "AE-4"
    AE_5 = "AE-5"
    AE_6 = "AE-6"
    AE_7 = "AE-7"
    AE_8 = "AE-8"
    DT_1 = "DT-1"
    DT_2 = "DT-2"
    AR_1 = "AR-1"
    AR_2 = "AR-2"
    AR_3 = "AR-3"
    AR_4 = "AR-4"
    AR_5 = "AR-5"
    AR_6 = "AR-6"
    AR_7 = "AR-7"
    AR_8 = "AR-8"
    AR_9 = "AR-9"
    AR_10 = "AR-10"
    AA_1 = "AA-1"
    AA_2 = "AA-2"
    AA_3 = "AA-3"
    AA_4 = "AA-4"
    AA_5 = "AA-5"
    AA_6 = "AA-6"
    AA_7 = "AA-7"
    AA_8 = "AA-8"


# One row an event, one column a state; a dot is a blank cell: the event cannot happen there, or is our own mistake.
_TABLE_9_10 = """
Evt    Sta1  Sta2  Sta3  Sta4  Sta5  Sta6  Sta7  Sta8  Sta9  Sta10 Sta11 Sta12 Sta13
1      AE-1  .     .     .     .     .     .     .     .     .     .     .     .
2      .     .     .     AE-2  .     .     .     .     .     .     .     .     .
3      .     AA-1  AA-8  .     AE-3  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
4      .     AA-1  AA-8  .     AE-4  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
5      AE-5  .     .     .     .     .     .     .     .     .     .     .     .
6      .     AE-6  AA-8  .     AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-7
7      .     .     AE-7  .     .     .     .     .     .     .     .     .     .
8      .     .     AE-8  .     .     .     .     .     .     .     .     .     .
9      .     .     .     .     .     DT-1  .     AR-7  .     .     .     .     .
10     .     AA-1  AA-8  .     AA-8  DT-2  AR-6  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
11     .     .     .     .     .     AR-1  .     .     .     .     .     .     .
12     .     AA-1  AA-8  .     AA-8  AR-2  AR-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
13     .     AA-1  AA-8  .     AA-8  AA-8  AR-3  AA-8  AA-8  AR-10 AR-3  AA-8  AA-6
14     .     .     .     .     .     .     .     AR-4  AR-9  .     .     AR-4  .
15     .     .     AA-1  AA-2  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1  .
16     .     AA-2  AA-3  .     AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-2
17     .     AA-5  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AR-5
18     .     AA-2  .     .     .     .     .     .     .     .     .     .     AA-2
19     .     AA-1  AA-8  .     AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-7
"""

TRANSITIONS: dict[tuple[Evt, State], Action] = {
    (Evt(int(row[0])), State(column)): Action(cell)
    for row in (line.split() for line in _TABLE_9_10.strip().splitlines()[1:])
    for column, cell in enumerate(row[1:], start=1)
    if cell != "."
}

# Two states where the action decides: AE-6 accepts the request or rejects it, AR-8 depends on our role.
NEXT: dict[Action, tuple[State, ...]] = {
    Action.AE_1: (State.STA4,),
    Action.AE_2: (State.STA5,),
    Action.AE_3: (State.STA6,),
    Action.AE_4: (State.STA1,),
    Action.AE_5: (State.STA2,),
    Action.AE_6: (State.STA3, State.STA13),
    Action.AE_7: (State.STA6,),
    Action.AE_8: (State.STA13,),
    Action.DT_1: (State.STA6,),
    Action.DT_2: (State.STA6,),
    Action.AR_1: (State.STA7,),
    Action.AR_2: (State.STA8,),
    Action.AR_3: (State.STA1,),
    Action.AR_4: (State.STA13,),
    Action.AR_5: (State.STA1,),
    Action.AR_6: (State.STA7,),
    Action.AR_7: (State.STA8,),
    Action.AR_8: (State.STA9, State.STA10),
    Action.AR_9: (State.STA11,),
    Action.AR_10: (State.STA12,),
    Action.AA_1: (State.STA13,),
    Action.AA_2: (State.STA1,),
    Action.AA_3: (State.STA1,),
    Action.AA_4: (State.STA1,),
    Action.AA_5: (State.STA1,),
    Action.AA_6: (State.STA13,),
    Action.AA_7: (State.STA13,),
    Action.AA_8: (State.STA13,),
}
