/**
 * What the client takes and tells. Times are in milliseconds, positions in samples at 24 kHz, levels in decibels below full
 * scale (0 is the loudest, -90 is silence).
 */

/**
 * @typedef {object} ClientOptions
 * @property {string} [url] Where to call: "wss://host/v1/converse", or several with commas between. Left out: the server
 *   that the page came from.
 * @property {string} [token] Shown to a server that asks for one.
 * @property {string} [agent] The agent's profile. Left out: the server's default.
 * @property {boolean} [microphone] Default true. false: the next conversation is typed, without one; its clock goes on with
 *   silence.
 * @property {string} [inputDevice] The microphone's `deviceId`. Left out: the system's.
 * @property {string} [outputDevice] The speaker's `deviceId`, where the browser lets a page choose.
 * @property {"device"|"server"|"headphones"} [echo] Who keeps the speaker out of the microphone. Default "device": the
 *   browser. "headphones" switches the browser's canceller off; "server" too, and leaves it to Parley. Counts from the
 *   next conversation on: a server hears it once.
 * @property {boolean} [noiseSuppression] Default true; false with `echo` "server", whose canceller needs the echo as it is.
 * @property {boolean} [autoGainControl] Likewise.
 * @property {"auto"|"on"|"off"} [loopback] Whether playback goes through a loopback connection, for browsers whose echo
 *   canceller does not hear Web Audio. Default "auto". `?loopback=1` or `0` in the page's address goes before it.
 * @property {"auto"|"pcm16"|"opus"} [output] How replies shall come. Default "auto": as Opus, where the browser decodes it and
 *   the server is not this very machine; else as PCM16. "opus": also from this machine. What can't be had is PCM16.
 *   `?output=pcm16` or `opus` in the page's address goes before it. Counts from the next conversation on.
 * @property {boolean} [localDuck] Whether the reply is lowered at once when somebody speaks, before the server has
 *   judged. Default true. Not with `echo` "server": it would hear the reply itself.
 */

/**
 * `output`: how replies come; told when a conversation stands, and when something else is asked for.
 * @typedef {object} OutputDetail
 * @property {"pcm16"|"opus"} encoding
 * @property {string} why Why it is no longer Opus, for a log; else empty.
 */

/**
 * `state`: told at each change, and once more when `why` changes.
 * @typedef {object} StateDetail
 * @property {"idle"|"connecting"|"conversation"|"resuming"|"ended"} session "ended": over, `connect` begins a new one.
 * @property {"idle"|"listening"|"thinking"|"speaking"|"bargeIn"} floor What the conversation is doing; "idle" outside one.
 * @property {number} turn The turn that `floor` is about; 0: none.
 * @property {string} why In words for the person: why it resumes, why it is called again, or why it ended. Empty where there
 *   is nothing to say.
 * @property {string} code Why it ended, for programs: "CODE_CLIENT", "CODE_GOODBYE"…, or an error's code. Else empty.
 * @property {boolean} muted
 * @property {boolean} pressed Whether the talk key is down.
 */

/**
 * `caption`: words of one side. Until `final`, `text` is more of the same line; then it is the whole line: of the
 * assistant what was *heard*, so that what came before and does not stand in it was cut off.
 * @typedef {object} CaptionDetail
 * @property {"user"|"assistant"} who
 * @property {string} text
 * @property {boolean} final
 * @property {number} reply The reply, when the assistant's.
 * @property {number} position Where in the reply the words begin to be heard; compare with `client.playhead`.
 * @property {number} turn
 * @property {boolean} interrupted
 */

/**
 * `duck`: the reply is lowered because somebody speaks, or is at its level again.
 * @typedef {object} DuckDetail
 * @property {boolean} ducked
 * @property {number} gainDb By how much: -20; 0 when it is over.
 * @property {"local"|"server"} by Who found out.
 */

/**
 * `flush`: the reply was cut off, and the speaker is silent.
 * @typedef {object} FlushDetail
 * @property {number} seq
 * @property {number} reply
 * @property {number} position The last sample that left the speaker.
 * @property {number} silentMs From the server's word to silence, the device's latency counted.
 */

/**
 * `level`: some twenty times a second while the microphone or the speaker runs.
 * @typedef {object} LevelDetail
 * @property {number} micDb
 * @property {number} speakerDb What is played, ducking counted.
 * @property {boolean} speech Whether the microphone's sound is taken for speech here; the server's judgement is finer.
 */

/**
 * `turnReport`: where the time of one turn went.
 * @typedef {object} TurnReportDetail
 * @property {number} turn
 * @property {number} reply
 * @property {{name: string, ms: number}[]} stages In the order of the ring: "vad.endpoint", "broker.commit",
 *   "model.first_audio", "egress.first_frame", "client.first_sample".
 */

/**
 * `notice`: something does not work as it should; the conversation goes on, or is called for again: then the code is an
 * error's.
 * @typedef {object} NoticeDetail
 * @property {string} code
 * @property {string} message
 */

/**
 * `error`: something went wrong, in one sentence that says what to do. If it ended the conversation, `state` tells.
 * @typedef {object} ErrorDetail
 * @property {string} code The server's code, or of the client: "CODE_MICROPHONE", "CODE_UNREACHABLE", "CODE_BROWSER".
 * @property {string} message
 */

/**
 * `quality`: once a second in a conversation.
 * @typedef {object} QualityDetail
 * @property {number} bufferedMs What is received and not yet played.
 * @property {number} startMs How much the playout gathers before a reply starts (20 to 200, it adapts).
 * @property {number} underruns Times the speaker ran dry in mid-reply, since the session began.
 * @property {number} gapMs How long it was dry, all together.
 * @property {number} playedMs How much of replies was played.
 * @property {number} droppedMs What was received and never played: cut off, twice, or too much at once.
 * @property {number} outputLatencyMs From the page to the air, a loopback's share counted.
 * @property {number} inputLatencyMs From the air to the page.
 * @property {number} quietMs How long ago the server was heard last.
 * @property {number} resumed How often the session went on over a new connection.
 * @property {number} lostMs What of the microphone is lost for good.
 * @property {number} lostWords Typed lines that were given up: too many waited.
 * @property {number} unreadable Frames from the server that were none.
 * @property {boolean} loopback Whether playback goes through a loopback connection.
 */

export {};
