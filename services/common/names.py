"""Names of spans, stages, attributes and metrics: the same words in code, logs, traces, metrics and docs."""

from __future__ import annotations

from typing import Final

# Stages of one turn, in the order of the ring; they name the children of the root span `turn` as well.
VAD_ENDPOINT: Final = "vad.endpoint"
BROKER_COMMIT: Final = "broker.commit"
MODEL_FIRST_AUDIO: Final = "model.first_audio"
EGRESS_FIRST_FRAME: Final = "egress.first_frame"
CLIENT_FIRST_SAMPLE: Final = "client.first_sample"

# The other spans of a turn's trace (docs/observing.md), the root first.
TURN_SPAN: Final = "turn"
LATE: Final = "turn.late"
PERSON_SPEECH: Final = "person.speech"
CLIENT_PLAYOUT: Final = "client.playout"
SPECULATION: Final = "speculation"
MODEL_RESPONSE: Final = "model.response"
TOOL_CALL: Final = "tool.call"
VAD_DUCK: Final = "vad.duck"
VAD_RELEASE: Final = "vad.release"
INTERRUPT_DETECT: Final = "interrupt.detect"
INTERRUPT_FANOUT: Final = "interrupt.fanout"
EGRESS_FLUSH: Final = "egress.flush"
CLIENT_SILENT: Final = "client.silent"
BROKER_TRUNCATE: Final = "broker.truncate"
RING_FAULT: Final = "ring.fault"

# Attributes of a turn and of a session: those of OpenTelemetry's GenAI conventions (semantic-conventions-genai 0.1, in
# development there) where they have the thing, else our own. Tokens that came from a cache are among the input's.
CONVERSATION_ID: Final = "gen_ai.conversation.id"
AGENT_NAME: Final = "gen_ai.agent.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
TOOL_NAME: Final = "gen_ai.tool.name"
ERROR_TYPE: Final = "error.type"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
TEXT_INPUT_TOKENS: Final = "gen_ai.usage.text.input_tokens"
TEXT_CACHE_READ_TOKENS: Final = "gen_ai.usage.text.cache_read.input_tokens"
TEXT_OUTPUT_TOKENS: Final = "gen_ai.usage.text.output_tokens"
AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
AUDIO_CACHE_READ_TOKENS: Final = "gen_ai.usage.audio.cache_read.input_tokens"
AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
TURN: Final = "parley.turn"
REPLIES: Final = "parley.replies"
STAGES_MS: Final = "parley.stages_ms"
HEARD_MS: Final = "parley.heard_ms"
INTERRUPTED: Final = "parley.interrupted"
INTERRUPTED_BY: Final = "parley.interrupted_by"
RESPONSE_MS: Final = "parley.response_ms"
STOP_MS: Final = "parley.stop_ms"
TOOLS: Final = "parley.tools"
TOOL_OUTCOME: Final = "parley.tool.outcome"
TOOL_MS: Final = "parley.tool.ms"
TRANSCRIBED_MS: Final = "parley.transcribed_ms"
CONNECTED_MS: Final = "parley.connected_ms"
COST_MICROS: Final = "parley.cost_micros"
CURRENCY: Final = "parley.currency"
DURATION_MS: Final = "parley.duration_ms"
TURNS: Final = "parley.turns"
END_REASON: Final = "parley.end_reason"

# Events of the turn log.
TURN_EVENT: Final = "parley.turn"
SESSION_EVENT: Final = "parley.session"

# Metrics of every stage (docs/metrics.md).
SESSIONS_ACTIVE: Final = "parley_sessions_active"
SESSIONS_PARKED: Final = "parley_sessions_parked"
PLACES: Final = "parley_places"
SESSIONS_REFUSED: Final = "parley_sessions_refused_total"
LOOP_LATE: Final = "parley_loop_late_seconds"
LOOP_LAG: Final = "parley_loop_lag_seconds"
TASKS: Final = "parley_tasks"
CANCELLED_READS: Final = "parley_cancelled_reads_total"
TRUNKS_BROKEN: Final = "parley_trunks_broken_total"
STRANDS_BROKEN: Final = "parley_trunk_streams_broken_total"
EVENTS: Final = "parley_events_total"
DROPPED_FRAMES: Final = "parley_dropped_frames_total"
BUFFER_MESSAGES: Final = "parley_buffer_messages"
BUFFER_FULLEST: Final = "parley_buffer_fullest_messages"
LOG_DROPPED: Final = "parley_log_lines_dropped_total"
SPANS_DROPPED: Final = "parley_spans_dropped_total"
SPAN_EXPORTS_FAILED: Final = "parley_span_exports_failed_total"

# Metrics of ingress.
LEASES_LOST: Final = "parley_leases_lost_total"

# Metrics of vad.
INTERRUPTIONS: Final = "parley_interruptions_total"
FALSE_INTERRUPTIONS: Final = "parley_false_interruptions_total"
DISMISSED_SOUNDS: Final = "parley_dismissed_sounds_total"

# Metrics of egress.
HELD_SECONDS: Final = "parley_held_reply_seconds"

# Metrics of the broker.
SESSIONS_ENDED: Final = "parley_sessions_ended_total"
TAKEOVERS: Final = "parley_takeovers_total"
TURNS_ENDED: Final = "parley_turns_total"
MODEL_TOKENS: Final = "parley_model_tokens_total"
MODEL_TRANSCRIBED: Final = "parley_model_transcribed_seconds_total"
MODEL_COST: Final = "parley_model_cost_total"
MODEL_RESPONSES: Final = "parley_model_responses_total"
MODEL_RECONNECTS: Final = "parley_model_reconnects_total"
SPECULATIONS_PREPARED: Final = "parley_speculations_prepared_total"
SPECULATIONS: Final = "parley_speculations_total"
TOOL_CALLS: Final = "parley_tool_calls_total"
TOOL_SECONDS: Final = "parley_tool_seconds"
RESPONSE_LATENCY: Final = "parley_response_latency_seconds"
STOP_LATENCY: Final = "parley_barge_in_stop_latency_seconds"
YIELD_LATENCY: Final = "parley_barge_in_yield_latency_seconds"
TURN_LOG_DROPPED: Final = "parley_turn_log_dropped_total"

# Metrics of the engine.
ENGINE_FIRST_AUDIO: Final = "parley_engine_first_audio_seconds"
ENGINE_STAGE: Final = "parley_engine_stage_seconds"
ENGINE_RESPONSES: Final = "parley_engine_responses_total"
ENGINE_FAULTS: Final = "parley_engine_part_faults_total"
