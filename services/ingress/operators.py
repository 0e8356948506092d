"""The operators' door of ingress: their own code makes the assistant speak, stop, or hang up, and forgets sessions.

Any ingress takes a call and passes it on, once, to the one that holds the session. What can go wrong is told as a
gRPC status with plain words: UNAUTHENTICATED, FAILED_PRECONDITION (no token is set here), INVALID_ARGUMENT, NOT_FOUND,
UNAVAILABLE.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Final, NoReturn, Protocol, TypeAlias, TypeVar

import grpc

from parley.v1 import operator_service_pb2 as wire
from parley.v1 import operator_service_pb2_grpc as rpc
from services.common.channels import Channels
from services.common.errors import ParleyError
from services.common.store import SessionGoesOn, Store
from services.ingress.call import Calls
from services.ingress.intervention import Interventions
from services.ingress.session import Session

MAX_TEXT: Final = 4_000
MAX_REASON: Final = 500
MAX_ID: Final = 64

FORWARDED: Final = "x-parley-forwarded"
"""Metadata of a call that an ingress has passed on: whoever gets it must not do so again."""

FORWARD_S: Final = 2.0
"""How long the ingress that holds the session has to answer; it takes a millisecond."""

_SESSION: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Addressed(Protocol):
    """A request about one session."""

    @property
    def session(self) -> str: ...


Ask = TypeVar("Ask")
Answer = TypeVar("Answer")
AboutSession = TypeVar("AboutSession", bound=Addressed)
Context: TypeAlias = "grpc.aio.ServicerContext[Ask, Answer]"


class Refusal(Exception):
    """A call that can't be carried out."""

    def __init__(self, status: grpc.StatusCode, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class OperatorServer(rpc.OperatorServiceServicer):
    """Takes operators' calls. `token` is what they must show; while it is empty nobody can."""

    def __init__(self, calls: Calls, store: Store, channels: Channels, token: str) -> None:
        self._calls = calls
        self._store = store
        self._channels = channels
        self._token = token.encode()
        self._interventions = Interventions()

    async def Say(  # noqa: N802 - gRPC's name
        self, request: wire.SayRequest, context: Context[wire.SayRequest, wire.SayResponse]
    ) -> wire.SayResponse:
        """Have the assistant say something, word for word."""
        try:
            self._admit(context)
            _check_length("text", request.text.strip(), 1, MAX_TEXT)
            _check_id(request.id)
            if (session := self._find(request)) is not None:
                return self._interventions.say(session, request)
            return await self._pass_on(request, context, lambda stub: stub.Say)
        except (Refusal, ParleyError) as error:
            return await _refuse(context, error)

    async def Interrupt(  # noqa: N802 - gRPC's name
        self, request: wire.InterruptRequest, context: Context[wire.InterruptRequest, wire.InterruptResponse]
    ) -> wire.InterruptResponse:
        """Stop the assistant."""
        try:
            self._admit(context)
            if (session := self._find(request)) is not None:
                return self._interventions.interrupt(session)
            return await self._pass_on(request, context, lambda stub: stub.Interrupt)
        except (Refusal, ParleyError) as error:
            return await _refuse(context, error)

    async def End(  # noqa: N802 - gRPC's name
        self, request: wire.EndRequest, context: Context[wire.EndRequest, wire.EndResponse]
    ) -> wire.EndResponse:
        """End the conversation."""
        try:
            self._admit(context)
            _check_length("reason", request.reason, 0, MAX_REASON)
            if (session := self._find(request)) is not None:
                return self._interventions.end(session, request.reason)
            return await self._pass_on(request, context, lambda stub: stub.End)
        except (Refusal, ParleyError) as error:
            return await _refuse(context, error)

    async def Forget(  # noqa: N802 - gRPC's name
        self, request: wire.ForgetRequest, context: Context[wire.ForgetRequest, wire.ForgetResponse]
    ) -> wire.ForgetResponse:
        """Delete what is remembered of a session that is over; any ingress can."""
        try:
            self._admit(context)
            _check_session(request)
            if self._calls.find(request.session) is not None:
                raise SessionGoesOn(request.session)
            if not await self._store.delete(request.session):
                raise _unknown(request)
        except SessionGoesOn as error:
            return await _refuse(context, Refusal(grpc.StatusCode.FAILED_PRECONDITION, error.message))
        except (Refusal, ParleyError) as error:
            return await _refuse(context, error)
        self._calls.counters["operator_forgets"] += 1
        return wire.ForgetResponse()

    async def Statistics(  # noqa: N802 - gRPC's name
        self, request: wire.StatisticsRequest, context: Context[wire.StatisticsRequest, wire.StatisticsResponse]
    ) -> wire.StatisticsResponse:
        """Say what this ingress holds and has counted."""
        try:
            self._admit(context)
        except Refusal as error:
            return await _refuse(context, error)
        return wire.StatisticsResponse(sessions=len(self._calls), counters=self._calls.statistics())

    def _admit(self, context: Context[Ask, Answer]) -> None:
        """Let only operators through, before anything else is looked at."""
        if not self._token:
            self._calls.counters["operator_calls_refused"] += 1
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "this ingress takes no operators' calls: set PARLEY_OPERATOR_TOKEN where it is started, and show the "
                "same token with each call.",
            )
        scheme, _, token = _shown(context).partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self._token):
            self._calls.counters["operator_calls_refused"] += 1
            raise Refusal(
                grpc.StatusCode.UNAUTHENTICATED,
                "this is no operator's call: send the metadata `authorization: Bearer <PARLEY_OPERATOR_TOKEN>`.",
            )
        self._calls.counters["operator_calls"] += 1

    def _find(self, request: Addressed) -> Session | None:
        """Return a session of this ingress that goes on. Raises Refusal for what can be no session's name."""
        _check_session(request)
        session = self._calls.find(request.session)
        if session is not None and session.parting.is_over:
            raise _unknown(request)
        return session

    async def _pass_on(
        self,
        request: AboutSession,
        context: Context[AboutSession, Answer],
        method: Callable[[rpc.OperatorServiceAsyncStub], grpc.aio.UnaryUnaryMultiCallable[AboutSession, Answer]],
    ) -> Answer:
        """Let the ingress that holds the session carry it out. Raises Refusal and StoreLost."""
        if FORWARDED in _metadata(context):
            raise _unknown(request)
        record = await self._store.read_record(request.session)
        if record is None or record.ingress in ("", self._calls.address):
            raise _unknown(request)
        stub: rpc.OperatorServiceAsyncStub = rpc.OperatorServiceStub(self._channels.to(record.ingress))
        metadata = (("authorization", _shown(context)), (FORWARDED, "1"))
        try:
            return await method(stub)(request, metadata=metadata, timeout=FORWARD_S)
        except grpc.aio.AioRpcError as error:
            raise _from_owner(record.ingress, error) from error


def _metadata(context: Context[Ask, Answer]) -> dict[str, str]:
    pairs = context.invocation_metadata() or ()
    return {key: value for key, value in pairs if isinstance(value, str)}


def _shown(context: Context[Ask, Answer]) -> str:
    return _metadata(context).get("authorization", "")


def _check_session(request: Addressed) -> None:
    if not _SESSION.fullmatch(request.session):
        words = "`session` must be the name that the client was given in `opened`."
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, words)


def _check_length(what: str, text: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        raise Refusal(
            grpc.StatusCode.INVALID_ARGUMENT, f"`{what}` takes {least} to {most} characters; these are {len(text)}."
        )


def _check_id(name: str) -> None:
    _check_length("id", name, 0, MAX_ID)
    if not name.isprintable():
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "`id` takes printable characters only: it stands in logs.")


def _unknown(request: Addressed) -> Refusal:
    return Refusal(grpc.StatusCode.NOT_FOUND, f"there is no session {request.session}, or it is over.")


def _from_owner(address: str, error: grpc.aio.AioRpcError) -> Refusal:
    """Say what became of a call that was passed on."""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED:
            words = f"the ingress at {address}, which holds the session, can't be reached; try again in a moment."
            return Refusal(grpc.StatusCode.UNAVAILABLE, words)
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.FAILED_PRECONDITION:
            words = f"the ingress at {address}, which holds the session, has another token: give all the same one."
            return Refusal(grpc.StatusCode.FAILED_PRECONDITION, words)
        case status:
            return Refusal(status, error.details() or "the ingress that holds the session gave no reason.")


async def _refuse(context: Context[Ask, Answer], error: Refusal | ParleyError) -> NoReturn:
    """End the call. A fault of ours that is a ParleyError is one that passes: Redis, or a stage, is away."""
    if isinstance(error, Refusal):
        await context.abort(error.status, error.words)
    await context.abort(grpc.StatusCode.UNAVAILABLE, f"{error.message} Try again in a moment.")
