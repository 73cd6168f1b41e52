"""The ways in which Realtime fails on a test's command."""

from enum import StrEnum


class FailureMode(StrEnum):
    """The mode of a gateway's Realtime; it lasts until a test sets another."""

    NORMAL = "normal"
    #: Sockets stay open and all that clients ask is answered, but nothing comes by itself.
    SILENT = "silent"
    #: Frames of clients are ignored: no heartbeat and no join is answered, while events still come.
    DEAF = "deaf"
    #: Sockets are closed as by a restart; new ones open, and every join is refused.
    CLOSING = "closing"
    #: Tokens of users are over: their channels are closed, and no such token is believed.
    EXPIRED = "expired"
