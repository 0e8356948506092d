"""Members: the parts of one conversation's core, made and made known to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from services.broker.actions import Actions
from services.broker.answering import Answering
from services.broker.ears import Ears
from services.broker.history import History
from services.broker.host import Host
from services.broker.interruptions import Interruptions
from services.broker.listening import Listening
from services.broker.lost_turns import LostTurns
from services.broker.manner import Manner, TurnMode
from services.broker.recollection import Recollection
from services.broker.sequencer import Sequencer
from services.broker.server_ears import ServerEars
from services.broker.speculation import Speculation
from services.broker.tool_calls import ToolCalls
from services.broker.upstream.capabilities import Capabilities
from services.broker.voice import Voice
from services.common.recent import Recent


@dataclass(frozen=True)
class Members:
    """One conversation's. What each is, its own file says."""

    can: Capabilities
    actions: Actions
    history: History
    ears: Ears
    voice: Voice
    recollection: Recollection
    tools: ToolCalls
    answering: Answering
    speculation: Speculation
    interruptions: Interruptions
    lost: LostTurns
    host: Host
    listening: Listening
    announced: Recent
    """The names of what was to be announced."""

    @property
    def sequencer(self) -> Sequencer:
        """What lets one response be asked for at a time."""
        return self.answering.sequencer

    @classmethod
    def of(cls, manner: Manner) -> Self:
        """Make them for an agent's manner. The model is not there yet."""
        can = manner.capabilities
        listens, answers_itself = manner.listens_always, can.commit_responds or not can.has_turns
        actions = Actions()
        history = History(actions)
        ears = (ServerEars if listens else Ears)(actions, history, can)
        voice = Voice(actions, history, capabilities=can)
        recollection = Recollection(actions, ears, history)
        tools = ToolCalls(actions, history, recollection)
        answering = Answering(actions, voice, tools, manner)
        answering.sequencer.hold()
        speculates = manner.speculate and not listens and not answers_itself and can.can_delete
        speculation = Speculation(ears, answering, enabled=speculates)
        lost = LostTurns(history)
        host = Host(actions, answering.sequencer, tools, manner)
        listening = Listening(actions, ears, answering, speculation, tools, host.ending, lost)
        answering.responses.on_begun = ears.parts.answered
        answering.responses.on_calls = host.called
        answering.on_spent = host.responded
        ears.on_transcribed = host.transcribed
        if answers_itself:
            answering.asking.commit = listening.commit_to_ask
        if isinstance(ears, ServerEars):
            ears.is_semantic = manner.turns is TurnMode.SEMANTIC_VAD
            if answers_itself:
                answering.open_turn = ears.turn_of_speech
        interruptions = Interruptions(actions, voice, answering.sequencer)
        return cls(
            can,
            actions,
            history,
            ears,
            voice,
            recollection,
            tools,
            answering,
            speculation,
            interruptions,
            lost,
            host,
            listening,
            Recent(),
        )
