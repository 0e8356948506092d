import { canDecodeOpus } from "./browser/opus.js";
import { NoMicrophone } from "./browser/microphone.js";
import { NoSound, SoundSystem } from "./browser/sound_system.js";
import { addressesIn, forServer, forSound, localDuck } from "./choices.js";
import { Conversation } from "./conversation.js";
import { encodingFor } from "./output.js";

/**
 * The web client: one object that a page talks to. It captures the microphone, plays the replies, and keeps the
 * conversation with Parley up; a page shows what its events tell.
 *
 * Every event is a `CustomEvent`; types.js says what its `detail` holds.
 */

/** @typedef {import("./types.js").ClientOptions} ClientOptions */
/** @typedef {import("./types.js").StateDetail} StateDetail */
/** @typedef {import("./types.js").CaptionDetail} CaptionDetail */
/** @typedef {import("./types.js").DuckDetail} DuckDetail */
/** @typedef {import("./types.js").FlushDetail} FlushDetail */
/** @typedef {import("./types.js").LevelDetail} LevelDetail */
/** @typedef {import("./types.js").TurnReportDetail} TurnReportDetail */
/** @typedef {import("./types.js").NoticeDetail} NoticeDetail */
/** @typedef {import("./types.js").ErrorDetail} ErrorDetail */
/** @typedef {import("./types.js").QualityDetail} QualityDetail */

/** How often the page is told how good the connection is. */
const QUALITY_MS = 1000;
/** What is buffered of a reply when the server hangs up is played, for so long at most. */
const LAST_WORDS_MS = 3000;

const UNHEARD = Object.freeze({ bufferedMs: 0, startMs: 20, underruns: 0, gapMs: 0, playedMs: 0, droppedMs: 0 });
const NOBODY = Object.freeze({ id: "", quality: { quietMs: 0, resumed: 0, lostMs: 0, lostWords: 0, unreadable: 0 } });

/**
 * Holds one conversation at a time.
 *
 * Events: `state`, `caption`, `duck`, `flush`, `level`, `turnReport`, `notice`, `error`, `quality`, `output`, and, each
 * with `{reply, position}`, `replyStarted` and `replyPlayed` (its first and its last sample have left the speaker) and
 * `underrun` (it goes on after the speaker ran dry).
 */
export class ParleyClient extends EventTarget {
  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    super();
    /** @type {ClientOptions} */
    this.options = { ...options };
    /** As told last. @type {StateDetail} */
    this.state = { session: "idle", floor: "idle", turn: 0, why: "", code: "", muted: false, pressed: false };
    /** What is leaving the speaker now; reply 0: nothing. @type {{reply: number, position: number}} */
    this.playhead = { reply: 0, position: 0 };
    this._isMuted = false;
    /** Whether and where echo is cancelled: the server hears it once, when the conversation begins. */
    this._echo = "device";
    /** @type {Conversation|null} */
    this._conversation = null;
    /** @type {SoundSystem|null} */
    this._sound = null;
    this._heard = UNHEARD;
    this._isUnderway = false;
    /** Whether Opus could not be decoded once: for the rest of this page PCM16 is asked for. */
    this._isPlain = false;
    this._timer = 0;
  }

  /**
   * Open microphone (unless `microphone` is false), speaker and conversation. Call it in the handler of a click or a key: browsers start sound only then.
   * Never rejects: what goes wrong is told by `error`, and `state` is "ended".
   * @returns {Promise<void>} when the conversation stands, or has failed.
   */
  async connect() {
    if (this._sound) return;
    this._echo = this.options.echo ?? "device";
    this._tell("state", { ...this.state, session: "connecting", floor: "idle", turn: 0, why: "", code: "", pressed: false });
    const sound = new SoundSystem(
      (outputs) => sound === this._sound && this._hear(outputs),
      () => void this._replaceMicrophone(sound),
    );
    this._sound = sound;
    const addresses = addressesIn(this.options);
    const asked = encodingFor(this.options, addresses, async () => !this._isPlain && canDecodeOpus());
    let encoding;
    try {
      [encoding] = await Promise.all([asked, sound.begin(forSound(this.options, this._echo))]);
    } catch (error) {
      if (sound === this._sound) this._fail(error);
    }
    if (sound !== this._sound) {
      await sound.end(); // the person has hung up meanwhile, and what was opened since then has to be let go, too
      return;
    }
    sound.send([
      { do: "mute", muted: this._isMuted },
      localDuck(this.options, this._echo),
    ]);
    this._timer = setInterval(() => this.state.session === "conversation" && this._tell("quality", this.quality), QUALITY_MS);
    this._conversation = new Conversation(
      { addresses, encoding, open: forServer(this.options, this._echo), isMuted: this._isMuted },
      {
        speaker: (commands) => sound.send(commands),
        event: (type, detail) => this._tell(type, detail),
        undecodable: () => (this._isPlain = true),
        over: (code) => this._finish(code),
      },
    );
    this._conversation.begin();
    await this._settled();
  }

  /** End the conversation; calling it again does nothing. */
  hangUp() {
    if (this._conversation) this._conversation.hangUp();
    else if (this._sound) this._end({ why: "", code: "CODE_CLIENT" });
  }

  /** Mute the microphone, or open it again. Kept from one conversation to the next. */
  setMuted(muted) {
    this._isMuted = muted;
    if (this._conversation) this._conversation.run((session) => session.setMuted(muted));
    else this._tell("state", { ...this.state, muted });
  }

  /** The talk key: from its first press on, turns end when it is let go. */
  press(pressed) {
    this._conversation?.run((session) => session.press(pressed));
  }

  /** Stop the assistant, as if the person had said "stop". */
  interrupt() {
    this._conversation?.run((session) => session.interrupt());
  }

  /** Typed words: a turn without sound. @returns {boolean} whether a conversation has taken them: while it connects none has */
  say(text) {
    let isTaken = false;
    if (text.trim()) this._conversation?.run((session) => (isTaken = session.say(text.trim())));
    return isTaken;
  }

  /**
   * Change settings: devices and loopback at once, the others with the next conversation.
   * @param {ClientOptions} options
   */
  async set(options) {
    const before = this.options;
    this.options = { ...before, ...options };
    const sound = this._sound;
    if (!sound || !this._conversation) return;
    const wanted = forSound(this.options, this._echo);
    const changed = (...names) => names.some((name) => before[name] !== this.options[name]);
    sound.send([localDuck(this.options, this._echo)]);
    try {
      if (!sound.isTyped && changed("inputDevice", "noiseSuppression", "autoGainControl")) await sound.open(wanted);
      if (changed("outputDevice", "loopback")) await sound.route(wanted);
    } catch (error) {
      this._tell("notice", { code: "CODE_MICROPHONE", message: error.message });
    }
  }

  /**
   * The devices there are. Their names are empty until the person has allowed a microphone.
   * @returns {Promise<{inputs: MediaDeviceInfo[], outputs: MediaDeviceInfo[]}>}
   */
  static async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const of = (kind) => all.filter((device) => device.kind === kind);
    return { inputs: of("audioinput"), outputs: of("audiooutput") };
  }

  /** The server's name for the conversation, for its logs; "" without one. */
  get sessionId() {
    return (this._conversation ?? NOBODY).id;
  }

  /** How good it is now. @returns {QualityDetail} */
  get quality() {
    const { outputLatencyMs = 0, inputLatencyMs = 0, isLooped: loopback = false } = this._sound ?? {};
    return { ...this._heard, ...(this._conversation ?? NOBODY).quality, outputLatencyMs, inputLatencyMs, loopback };
  }

  /** Take what the audio thread tells. */
  _hear(outputs) {
    for (const output of outputs) if (output.kind === "heard") this._note(output);
    this._conversation?.hear(outputs.filter(({ kind }) => kind !== "heard"));
  }

  _note({ playhead, quality, isUnderway }) {
    this.playhead = playhead;
    this._heard = quality;
    this._isUnderway = isUnderway;
  }

  _tell(type, detail) {
    if (type === "state") {
      if (JSON.stringify(detail) === JSON.stringify(this.state)) return;
      this.state = detail;
      if (detail.session !== "connecting") this._settle?.();
    }
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  _settled() {
    if (this.state.session !== "connecting") return Promise.resolve();
    return new Promise((resolve) => {
      this._settle = resolve;
    });
  }

  /** The microphone has gone: take the system's, now or when there is one again. The conversation goes on meanwhile. */
  async _replaceMicrophone(sound) {
    const tell = (message) => sound === this._sound && this._tell("notice", { code: "CODE_MICROPHONE", message });
    try {
      await sound.open({ ...forSound(this.options, this._echo), inputDevice: "" });
      tell("The microphone has gone: the system's own is used now.");
    } catch (error) {
      tell(`The microphone has gone. ${error.message}`);
      const again = () => {
        if (sound === this._sound && !sound.track) void this._replaceMicrophone(sound);
      };
      navigator.mediaDevices.addEventListener("devicechange", again, { once: true });
    }
  }

  /** Sound could not begin. */
  _fail(error) {
    const isMicrophone = error instanceof NoMicrophone;
    const code = isMicrophone ? "CODE_MICROPHONE" : "CODE_BROWSER";
    const isKnown = isMicrophone || error instanceof NoSound;
    const message = isKnown ? error.message : `This browser can't begin the sound: ${error.message || error}.`;
    this._tell("error", { code, message });
    this._end({ why: message, code });
  }

  /** The conversation is over, and has said its last word. */
  _finish(code) {
    const isCut = code === "CODE_CLIENT" || !this._isUnderway;
    void this._putAway(isCut ? 0 : LAST_WORDS_MS);
  }

  _end({ why, code }) {
    void this._putAway(0);
    this._tell("state", { ...this.state, session: "ended", floor: "idle", turn: 0, why, code, pressed: false });
  }

  async _putAway(lastWordsMs) {
    const sound = this._sound;
    clearInterval(this._timer);
    this._conversation = null;
    this._sound = null;
    this.playhead = { reply: 0, position: 0 };
    sound?.close();
    if (lastWordsMs) await new Promise((resolve) => setTimeout(resolve, Math.min(lastWordsMs, this._heard.bufferedMs)));
    await sound?.end();
  }
}
