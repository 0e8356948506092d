/** What the client takes from a browser, without one: sound that is never heard, and a server that a test plays. */

/** What the browser was asked for, and what it says. */
export const browser = {
  /** How the question for the microphone ends. @type {() => Promise<object>} */
  microphone: async () => stream(),
  asked: 0,
  /** What it was to be like, the last time. */
  wanted: {},
  /** What was posted to each worklet. @type {Record<string, object[]>} */
  posted: {},
  /** @type {Socket[]} */
  sockets: [],
  contexts: [],
  /** Ends of connections of the page with itself. @type {Peer[]} */
  peers: [],
  /** How the playing of one begins. @type {() => Promise<void>} */
  play: async () => {},
};

/** A microphone's stream; its track tells whether it was stopped. */
export function stream() {
  const track = { isStopped: false, getSettings: () => ({}), getCapabilities: () => ({}) };
  track.stop = () => {
    track.isStopped = true;
  };
  return { track, getTracks: () => [track], getAudioTracks: () => [track] };
}

/** What a browser says of a microphone that it does not give. */
export const refusal = (name) => Object.assign(new Error("no"), { name });

/** A WebSocket; a test plays its server by `open`, `say` and `hangUp`. */
class Socket {
  static OPEN = 1;
  readyState = 0;
  bufferedAmount = 0;
  isClosed = false;
  /** @type {object[]} the text frames, read */
  sent = [];

  constructor(address) {
    this.address = address;
    browser.sockets.push(this);
  }

  send(data) {
    if (typeof data === "string") this.sent.push(JSON.parse(data));
  }

  close() {
    this.isClosed = true;
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  hangUp() {
    this.readyState = 3;
    this.onclose();
  }
}

class Node_ {
  connect() {}
  disconnect() {}
}

class Worklet extends Node_ {
  constructor(context, name) {
    super();
    browser.posted[name] = [];
    this.port = { postMessage: (data) => browser.posted[name].push(data) };
  }
}

class Context {
  state = "running";
  destination = {};
  audioWorklet = { addModule: async () => {} };
  currentTime = 0;

  constructor() {
    browser.contexts.push(this);
  }

  async resume() {}

  async close() {
    if (this.state === "closed") throw new Error("it is closed already");
    this.state = "closed";
  }

  createMediaStreamSource() {
    return new Node_();
  }

  createMediaStreamDestination() {
    return Object.assign(new Node_(), { stream: stream() });
  }
}

/** One end of a connection; it stands as soon as it is asked to. */
class Peer {
  connectionState = "new";
  localDescription = { type: "offer", sdp: "" };

  constructor() {
    browser.peers.push(this);
  }

  addTrack() {}

  async setLocalDescription() {}

  async setRemoteDescription() {
    this.connectionState = "connected";
    this.ontrack?.({ track: {} });
  }

  async createAnswer() {
    return { type: "answer", sdp: "" };
  }

  getReceivers() {
    return [];
  }

  async getStats() {
    return new Map();
  }

  close() {
    this.connectionState = "closed";
  }
}

class Audio_ {
  srcObject = null;

  play() {
    return browser.play();
  }
}

/** Node has had one since its version 19. */
class CustomEvent_ extends Event {
  constructor(type, { detail = null } = {}) {
    super(type);
    this.detail = detail;
  }
}

/** Put it all where the client looks for it. */
export function install() {
  const getUserMedia = ({ audio }) => {
    browser.asked++;
    browser.wanted = audio;
    return browser.microphone();
  };
  const navigator = { mediaDevices: { getUserMedia }, onLine: true };
  const location = { protocol: "https:", host: "parley.test", search: "" };
  const all = { navigator, location, AudioContext: Context, AudioWorkletNode: Worklet, WebSocket: Socket };
  Object.assign(all, { RTCPeerConnection: Peer, Audio: Audio_, MediaStream: class {}, CustomEvent: CustomEvent_ });
  Object.assign(all, { addEventListener() {}, removeEventListener() {} });
  for (const [name, value] of Object.entries(all)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
