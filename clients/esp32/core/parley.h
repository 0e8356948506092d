/* A client of Parley for small devices: plain C11, no allocation, no I/O of its own.
 *
 * The owner gives it memory once, calls parley_tick every 20 ms with what the microphone heard and gets what the
 * speaker shall play, and tells it what the WebSocket brought. Everything is sent from within parley_tick and
 * parley_poll, never from within parley_received. The core knows nothing of threads: whoever calls it
 * from two tasks holds one lock around each call. docs/protocol.md has the protocol that is spoken here.
 *
 *   parley *p = parley_init(memory, sizeof memory, &config, &ports);
 *   parley_start(p);
 *   for (;;) parley_device_step(&device);        // or parley_tick by hand
 */
#ifndef PARLEY_H
#define PARLEY_H

#include "ports.h"

#define PARLEY_PROTOCOL 1
#define PARLEY_FRAME_MS 20
#define PARLEY_LARGEST_SERVERS 4
#define PARLEY_TOKEN_BYTES 512  /* of the caller's token, NUL counted */
#define PARLEY_WORDS_BYTES 256  /* of words that are handed to the owner, NUL counted; longer ones are cut */

typedef enum parley_encoding { PARLEY_PCM16 = 1, PARLEY_MULAW = 2, PARLEY_OPUS = 4 } parley_encoding;

/* One direction. PCM16: 8000, 16000, 24000, 44100 or 48000 Hz. Mu-law: 8000. Opus: 8000, 12000, 16000, 24000, 48000.
 * The audio port runs at this very rate: the core does not resample. */
typedef struct parley_format {
  parley_encoding encoding;
  uint32_t rate_hz;
} parley_format;

typedef enum parley_echo { PARLEY_ECHO_DEVICE = 1, PARLEY_ECHO_SERVER = 2, PARLEY_ECHO_HEADPHONES = 3 } parley_echo;

/* What a client is. Strings must outlive it. parley_defaults fills in everything but the servers. */
typedef struct parley_config {
  const char *servers[PARLEY_LARGEST_SERVERS]; /* URLs with their path, called in turn; unused ones NULL */
  const char *agent;                           /* "" : the server's default */
  const char *token;                           /* "" : none */
  parley_format input;                         /* the microphone: PCM16 16000 */
  parley_format output;                        /* the speaker: PCM16 24000 */
  parley_echo echo;                            /* DEVICE. With SERVER the local duck is off: echo would set it off */
  bool local_duck;                             /* true: lower a sounding reply as soon as the person speaks */
  uint32_t client_buffer_ms;                   /* 400: the lead that is asked of the server. See parley_fit_buffers */
  uint32_t playout_ms;                         /* 600: the playout ring. When it is full no more is read (see parley_received) */
  uint32_t retention_ms;                       /* 400: microphone kept for a resumption, and while the network is slow */
} parley_config;

typedef struct parley_ports {
  parley_time_port time;
  parley_net_port net;
  parley_log_port log;
  parley_opus_port opus;
} parley_ports;

typedef enum parley_state {
  PARLEY_IDLE,         /* nothing stands; parley_start begins */
  PARLEY_CONNECTING,   /* calling servers for a new session */
  PARLEY_CONVERSATION, /* opened */
  PARLEY_RESUMING,     /* the connection was lost, the session waits; microphone and speaker go on */
  PARLEY_ENDED         /* over, its last words still play or are shown; goes to IDLE by itself */
} parley_state;

/* What the conversation is doing, by the server's `state`. */
typedef enum parley_activity {
  PARLEY_ACTIVITY_UNKNOWN,
  PARLEY_ACTIVITY_IDLE,
  PARLEY_ACTIVITY_LISTENING,
  PARLEY_ACTIVITY_THINKING,
  PARLEY_ACTIVITY_SPEAKING,
  PARLEY_ACTIVITY_BARGE_IN
} parley_activity;

typedef enum parley_event_kind {
  PARLEY_EVENT_STATE,         /* parley_state_of has changed; `words`: why, where there is a reason for the person */
  PARLEY_EVENT_OPENED,        /* `words`: the session's id */
  PARLEY_EVENT_RESUMED,       /* `value`: milliseconds that nothing came; `value2`: milliseconds of microphone lost */
  PARLEY_EVENT_ACTIVITY,      /* `value`: parley_activity */
  PARLEY_EVENT_CAPTION,       /* `words`, `who`, `final`, `interrupted`, `reply`, `position` */
  PARLEY_EVENT_REPLY_STARTED, /* the first sample of `reply` was heard */
  PARLEY_EVENT_REPLY_PLAYED,  /* `reply` was heard to its end, `position` */
  PARLEY_EVENT_UNDERRUN,      /* `reply` stopped at `position` for want of audio, and goes on now; `value`: for how many ms */
  PARLEY_EVENT_SILENCED,      /* a flush was carried out: `reply` stopped at `position`; `value`: seq */
  PARLEY_EVENT_DUCK,          /* `value`: 1 local, 2 the server's; `value2`: gain in thousandths of a dB */
  PARLEY_EVENT_RELEASE,       /* the duck is undone; `value`: 1 by itself, 2 by the server */
  PARLEY_EVENT_STAGE,         /* one line of a turn report: `words` its name, `value` microseconds, `reply`, `turn` */
  PARLEY_EVENT_NOTICE,        /* `words` for the person, `value` the code */
  PARLEY_EVENT_ERROR,         /* `words` for the person, `value` the code, `value2`: 1 retryable */
  PARLEY_EVENT_CLOSED         /* `words` why, `value` the code */
} parley_event_kind;

/* Something that happened. `words` (UTF-8, never NULL) and the struct itself live until the handler returns. */
typedef struct parley_event {
  parley_event_kind kind;
  const char *words;
  bool words_cut;   /* they were longer than PARLEY_WORDS_BYTES */
  bool final;       /* of a caption: this is the whole line, as it was heard */
  bool interrupted; /* of a caption: the reply was cut off after these words */
  uint8_t who;      /* of a caption: 1 the person, 2 the assistant */
  uint64_t reply;
  uint64_t position; /* samples of the reply, at the output's rate */
  uint64_t turn;
  int32_t value;
  int32_t value2;
  uint64_t mic_offset; /* the microphone's clock at that moment */
} parley_event;

/* Called from within any call of this API, so it must be quick, and must not call the core. */
typedef struct parley_listener {
  void *self;
  void (*happened)(void *self, const parley_event *event);
} parley_listener;

/* What was counted since parley_init. */
typedef struct parley_counters {
  uint32_t calls;               /* connections that were tried */
  uint32_t resumptions;         /* that succeeded */
  uint32_t underruns;           /* in this session, or the last one */
  uint32_t starved_samples;     /* of silence played in mid-reply for want of audio */
  uint32_t played_samples;      /* of replies */
  uint32_t dropped_samples;     /* of replies: flushed, over, or twice */
  uint32_t held_back;           /* times that parley_received took less than it was given, the playout ring being full */
  uint32_t lost_mic_frames;     /* pushed out of the retention before they were ever sent, or wanted again and gone */
  uint32_t dropped_marks;       /* keys and typed words for which there was no room */
  uint32_t unreadable;          /* messages that were none */
  uint32_t local_ducks;
  uint32_t start_threshold_ms;  /* of the adaptive playout buffer, just now */
} parley_counters;

typedef struct parley parley;

/* Fill in the defaults: PCM16 16 kHz in, 24 kHz out, room for 600 ms of replies, echo cancelled by the device. */
void parley_defaults(parley_config *config);

/* Once the formats are chosen: as much of a reply as 28,800 bytes hold of its format (600 ms of PCM16 at 24 kHz, 900 at
 * 16 kHz, 1.8 s at 8 kHz; never less than 600 ms), two thirds of it asked for ahead of its time. What comes further ahead
 * survives a worse network, and what takes fewer bytes may: nothing urgent waits long behind it. */
static inline void parley_fit_buffers(parley_config *config) {
  uint32_t ms = 14400000u / config->output.rate_hz;
  config->playout_ms = ms < 600 ? 600 : ms;
  config->client_buffer_ms = config->playout_ms * 2 / 3;
}

/* How much memory parley_init needs for this configuration; 0: the configuration is not possible. */
size_t parley_memory_bytes(const parley_config *config);

/* Make a client in the memory given, which must be aligned for uint64_t and outlive it. NULL: not enough, or a
 * configuration that is not possible (no server, a rate that does not exist, a ring shorter than 100 ms). */
parley *parley_init(void *memory, size_t bytes, const parley_config *config, const parley_ports *ports);

/* Who is told what happens. One listener; a second call replaces the first. */
void parley_listen(parley *p, parley_listener listener);

/* What the person does */

/* Begin a conversation. In any other state than IDLE and ENDED it does nothing. */
void parley_start(parley *p);
/* Hang up: `end` is said if a connection stands, and `closed` awaited for 2 s at most. Never blocks. */
void parley_end(parley *p, const char *reason);
/* Stop the assistant, as if the person had said "stop". */
void parley_interrupt(parley *p);
/* Close the microphone (silence is sent) or open it again. */
void parley_mute(parley *p, bool muted);
/* The talk key. Its first press leaves the ends of turns to the key, for the whole session. */
void parley_push_to_talk(parley *p, bool pressed);
/* Typed words, up to 255 bytes. False: too long, empty, no conversation, or two that wait already. */
bool parley_say(parley *p, const char *text);

/* Time and sound */

/* Let 20 ms pass: take what the microphone heard, give what the speaker shall play, send what is to be sent.
 * `microphone`: parley_mic_samples; `speaker`: parley_speaker_samples. Call it in every state, IDLE too. */
void parley_tick(parley *p, const int16_t *microphone, int16_t *speaker, parley_latency latency);
/* Send now what is due, rather than at the next tick: after parley_connected, say. Never needed. */
void parley_poll(parley *p);
/* Samples in 20 ms of either. */
size_t parley_mic_samples(const parley *p);
size_t parley_speaker_samples(const parley *p);

/* What the WebSocket brings */

/* The connection that `call` began stands; the handshake is done. */
void parley_connected(parley *p);
/* A message, or a piece of one, in order. `first`: it begins one; `last`: it ends one. Returns how many bytes were taken:
 * less than `count` only when the playout ring is full. Then keep the rest, read no more from the socket, and offer
 * the rest (not as `first`) after the next tick. */
size_t parley_received(parley *p, bool is_text, const uint8_t *bytes, size_t count, bool first, bool last);
/* The connection is gone, or could not be made. `close_code`: WebSocket's, 0 if there was none. */
void parley_disconnected(parley *p, uint16_t close_code);

/* What is known */

parley_state parley_state_of(const parley *p);
parley_activity parley_activity_of(const parley *p);
parley_light parley_light_of(const parley *p);
parley_counters parley_counters_of(const parley *p);
/* The name of a state ("idle", "connecting", "conversation", "resuming", "ended"). */
const char *parley_state_name(parley_state state);
/* The output is lowered just now, by whomever. */
bool parley_is_ducked(const parley *p);
/* A reply sounds, is buffered, or is awaited to go on. */
bool parley_is_speaking(const parley *p);
/* Samples of the microphone since the session began. */
uint64_t parley_mic_offset(const parley *p);

/* A whole device: audio, button and light round the core. Short press starts or ends, holding is push-to-talk. */
typedef struct parley_device {
  parley *core;
  parley_audio_port audio;
  parley_button_port button; /* is_down may be NULL: no button */
  parley_light_port light;   /* show may be NULL: no light */
  void (*lock)(void *self, bool locked); /* round every use of the core; may be NULL where one task does all */
  void *lock_self;
  /* Its own, zero at the beginning. */
  uint8_t down_ticks, up_ticks;
  bool is_down, is_held, has_started, was_active, has_light;
  parley_light shown;
} parley_device;

/* One round of 20 ms: capture (waits), button, tick, play, light. `microphone` and `speaker` are the owner's scratch
 * for one frame each. False: the audio device is gone. */
bool parley_device_step(parley_device *device, int16_t *microphone, int16_t *speaker);

/* Settings in the key-value store: "server" (URLs with commas between), "token", "agent", "echo" (device, server,
 * headphones). Buffers are the owner's; `config` points into them afterwards. */
typedef struct parley_settings {
  char server[256];
  char token[PARLEY_TOKEN_BYTES];
  char agent[65];
  char echo[12];
} parley_settings;

/* Read what is stored into `settings` and point `config` (which has its defaults) at it. NULL: all is well; else one
 * sentence that says what to set. */
const char *parley_settings_load(const parley_kv_port *kv, parley_settings *settings, parley_config *config);

#endif
