/**
 * A connection of the page with itself: what is played comes out of it as if somebody else had sent it, and such sound
 * every browser's echo canceller knows. It costs some tens of milliseconds.
 */

/** What the connection adds where its statistics tell nothing: a packet of 10 ms, and a jitter buffer. */
const USUAL_MS = 60;
const PACKET_MS = 10;

export class Loopback {
  /** @param {() => void} lost called when the connection breaks after it stood */
  constructor(lost) {
    /** What the way through it adds, in milliseconds. */
    this.latencyMs = USUAL_MS;
    this.audio = new Audio();
    this._near = new RTCPeerConnection();
    this._far = new RTCPeerConnection();
    this._last = null;
    this._lost = lost;
  }

  /** Play a stream. Rejects where the browser has no such connections. @param {MediaStream} stream */
  async begin(stream) {
    const pass = (to) => ({ candidate }) => candidate && to.addIceCandidate(candidate).catch(() => {});
    this._near.onicecandidate = pass(this._far);
    this._far.onicecandidate = pass(this._near);
    const heard = new Promise((resolve) => {
      this._far.ontrack = ({ track }) => resolve(new MediaStream([track]));
    });
    for (const track of stream.getTracks()) this._near.addTrack(track, stream);
    await this._near.setLocalDescription();
    await this._far.setRemoteDescription(this._near.localDescription);
    const answer = await this._far.createAnswer();
    await this._far.setLocalDescription({ type: answer.type, sdp: forMusic(answer.sdp) });
    await this._near.setRemoteDescription({ type: answer.type, sdp: forMusic(answer.sdp) });
    for (const receiver of this._far.getReceivers()) receiver.jitterBufferTarget = 0;
    this.audio.srcObject = await heard;
    await Promise.all([this.audio.play(), this._stands()]);
    this._far.onconnectionstatechange = () => this._far.connectionState === "failed" && this._lost();
  }

  /** Wait until sound can go through; a machine without any network has no such connections. */
  _stands() {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this._far.connectionState === "connected") resolve();
        if (this._far.connectionState === "failed") reject(new Error("the page can't connect to itself"));
      };
      this._far.onconnectionstatechange = look;
      look();
    });
  }

  /** Ask again how long the way is. */
  async measure() {
    const statistics = await this._far.getStats().catch(() => new Map()); // it may have ended meanwhile
    for (const report of statistics.values()) {
      if (report.type !== "inbound-rtp" || report.kind !== "audio") continue;
      const { jitterBufferDelay: delay = 0, jitterBufferEmittedCount: emitted = 0 } = report;
      const since = this._last ?? { delay: 0, emitted: 0 };
      this._last = { delay, emitted };
      if (emitted > since.emitted) {
        this.latencyMs = (1000 * (delay - since.delay)) / (emitted - since.emitted) + PACKET_MS;
      }
    }
  }

  end() {
    this._far.onconnectionstatechange = null;
    this.audio.srcObject = null;
    this._near.close();
    this._far.close();
  }
}

/** Short packets, and a rate at which speech does not suffer. */
function forMusic(sdp) {
  return sdp.replace(/a=fmtp:(\d+) (.*useinbandfec=1.*)/g, "a=fmtp:$1 $2;ptime=10;maxptime=10;maxaveragebitrate=128000;usedtx=0");
}

/** From this version on Chromium's own canceller, on anything but Android, knows all that the browser plays. */
const WHOLE_SINCE = 110;

/**
 * Whether playback has to go through it: in Chromium, where its canceller knows calls alone. One that can be asked
 * for "all" or for less does without; other browsers cancel what their system plays.
 * @param {MediaStreamTrack|null} microphone
 * @param {{brands: {brand: string, version: string}[], platform: string}|undefined} browser `navigator.userAgentData`
 */
export function isWanted(microphone, browser) {
  const chromium = browser?.brands.find(({ brand }) => brand === "Chromium");
  if (!chromium || !microphone) return false;
  const offered = microphone.getCapabilities?.().echoCancellation ?? [];
  if (offered.includes("all") || offered.includes("remote-only")) return false; // less is a choice: yes means more
  return browser.platform === "Android" || Number(chromium.version) < WHOLE_SINCE;
}
