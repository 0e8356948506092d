"""Parting: how a conversation ends, or is left for another ingress: the last words to the client and to both hops."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as vad
from services.common.errors import LimitFault, ParleyError
from services.ingress.downlink import Downlink
from services.ingress.farewell import Code, code_of, counter_of, farewell
from services.ingress.losses import last_word
from services.ingress.uplink import Uplink


class Parting:
    """One session's."""

    def __init__(self, uplink: Uplink, downlink: Downlink, counters: Counter[str]) -> None:
        self.is_parked = False
        """The client has gone, and may come back; what it would be told is not."""
        self.is_over = False
        """The last word has been said, or would have been if there were a client."""
        self._uplink = uplink
        self._downlink = downlink
        self._counters = counters

    def say_farewell(self, code: Code, words: str = "") -> None:
        """End the conversation well: what waits is still sent, then Closed; when it is sent, the session ends."""
        self.is_over = True
        self._downlink.to_client.close(farewell(code, words))

    def hang_up(self, hangup: stream_pb2.Hangup) -> None:
        """The broker ends it, once everything was heard."""
        self._counters[counter_of(hangup.reason)] += 1
        self.say_farewell(code_of(hangup.reason), hangup.words)

    def close(self, fault: ParleyError | None) -> None:
        """Put the last message into every outbox."""
        self._dismiss(fault)
        self._leave(last_word(fault))

    def park(self, fault: ParleyError | None) -> None:
        """Be without a client, who may come back. If it can still be told anything, it is told of the `fault`."""
        self._dismiss(fault)
        self.is_parked, self.is_over = True, False

    def depart(self) -> None:
        """Leave the session as it is, for another ingress to go on with."""
        self.say_farewell(client.Closed.CODE_DRAINING)
        self._leave(stream_pb2.StreamEnd(reason=stream_pb2.StreamEnd.REASON_DRAINING))

    def warn(self, seconds: int) -> None:
        """Tell the client that this server goes away, and when."""
        with suppress(LimitFault):  # it does not read
            self._downlink.to_client.control(client.ConverseResponse(draining=client.Draining(seconds=seconds)))

    def _dismiss(self, fault: ParleyError | None) -> None:
        if fault is not None:
            self._downlink.to_client.clear_audio()
            with suppress(LimitFault):  # it does not read, and that may be the fault
                self._downlink.to_client.control(client.ConverseResponse(error=fault.to_wire()))
        self.say_farewell(client.Closed.CODE_FAULT if fault else client.Closed.CODE_UNSPECIFIED)

    def _leave(self, end: stream_pb2.StreamEnd) -> None:
        self._uplink.outbox.close(vad.ListenRequest(end=end))
        self._downlink.outbox.close(egress.AttachRequest(end=end))
