"""Opening: what is written, dialled and told when a session begins, or begins again elsewhere."""

from __future__ import annotations

import time

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2, stream_pb2
from services.common.lead import agreed_lead_ms
from services.common.ownership import PROTOCOL
from services.ingress.formats import input_format, output_format
from services.ingress.limits import Limits
from services.ingress.resumption import Elsewhere, Token
from services.ingress.retention import MAX_RETAINED_S
from services.ingress.version import common_version


def new_record(
    token: Token, lease: int, route: stream_pb2.Route, agent: str, address: str
) -> session_pb2.SessionRecord:
    """Return the record of a session that begins here."""
    return session_pb2.SessionRecord(
        session=token.session,
        lease=lease,
        dial=1,
        route=route,
        agent=agent,
        opened_at_ms=int(time.time() * 1000),
        ingress=address,
        resume_hash=token.hash,
    )


def taken_over(record: session_pb2.SessionRecord, lease: int, address: str) -> session_pb2.SessionRecord:
    """Return the record of a session that goes on here: another holder, and the first dial of another lease."""
    taken = session_pb2.SessionRecord()
    taken.CopyFrom(record)
    taken.lease, taken.dial, taken.ingress = lease, 1, address
    return taken


def elsewhere(record: session_pb2.SessionRecord, limits: Limits) -> Elsewhere:
    """Return what the record knows of a session that has begun elsewhere."""
    return Elsewhere(
        seq=record.seq,
        floor=record.floor,
        mic_shift=record.mic_shift,
        age_s=max(time.time() - record.opened_at_ms / 1000, 0.0),
        backlog_ms=(limits.resume_s + MAX_RETAINED_S) * 1000,
    )


def stream_open(
    record: session_pb2.SessionRecord, dial: int, route: stream_pb2.Route, traceparent: str, *, resumes: bool
) -> stream_pb2.StreamOpen:
    """Return what every stream of a session says first."""
    return stream_pb2.StreamOpen(
        protocol=PROTOCOL,
        session=record.session,
        lease=record.lease,
        dial=dial,
        route=route,
        traceparent=traceparent,
        agent=record.agent,
        resumes=resumes,
    )


def opened_message(
    token: Token, opened: client.Open, limits: Limits, mic_offset: int, *, resumed: bool
) -> client.Opened:
    """Return what the client is told when the ring stands."""
    return client.Opened(
        session=token.session,
        resume_token=str(token) if limits.resume_s else "",
        limits=limits.to_wire(),
        lead_ms=agreed_lead_ms(opened.client_buffer_ms),
        protocol=common_version(opened),
        input=input_format(opened.input).to_wire(),
        output=output_format(opened.output).to_wire(),
        mic_offset=mic_offset,
        resumed=resumed,
        resume_s=int(limits.resume_s),
    )
