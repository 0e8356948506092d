/* The narrow places where the core touches the world. Each is a struct of functions and a `self` that they get back.
 *
 * No function here may block for longer than a millisecond or so, but for `audio.capture`, which is what makes 20 ms of
 * time pass. None may call back into the core.
 */
#ifndef PARLEY_PORTS_H
#define PARLEY_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time and chance. */
typedef struct parley_time_port {
  void *self;
  /* A monotonic clock in milliseconds. It may wrap around at 2^32. */
  uint32_t (*now_ms)(void *self);
  /* 32 random bits, good enough to keep devices from calling all at once. */
  uint32_t (*random)(void *self);
} parley_time_port;

/* One WebSocket at a time, message by message. What happens to it is told to the core by parley_connected,
 * parley_received and parley_disconnected (parley.h), from whatever task, under the owner's lock.
 *
 * The port asks for the subprotocol `parley.v1`, negotiates no extension, answers pings, and checks the server's
 * certificate where the URL begins with wss:. */
typedef struct parley_net_port {
  void *self;
  /* Begin to connect to a URL with its path ("ws://10.0.0.5:7780/v1/converse"), and return at once. What stood before is
   * dropped first; nothing of it may be told to the core afterwards. False: it cannot even be tried. */
  bool (*call)(void *self, const char *url);
  /* Send one whole message, or nothing of it and return false: it is offered again at the next tick. */
  bool (*send)(void *self, bool is_text, const uint8_t *bytes, size_t count);
  /* Close: with a close frame when `politely`, else cut off at once. parley_disconnected need not follow, and nothing
   * else may. Without a connection it does nothing. */
  void (*drop)(void *self, bool politely);
} parley_net_port;

/* How far microphone and speaker are from the air, in samples of their own rates. Count everything: DMA, codec chip,
 * echo canceller. Wrong by x ms here is wrong by x ms in what the assistant thinks was heard. */
typedef struct parley_latency {
  uint32_t output_samples; /* Taken by `play` and not audible yet, just now, before the next frame is handed over. */
  uint32_t input_samples;  /* Between the air and the last sample of the frame that `capture` gave. */
} parley_latency;

/* Microphone and speaker in step: one frame of 20 ms of each per round (parley_device_step). */
typedef struct parley_audio_port {
  void *self;
  /* Wait for the next 20 ms and give them: `count` samples at the microphone's rate. False: the device is gone. */
  bool (*capture)(void *self, int16_t *samples, size_t count);
  /* Take the next 20 ms for the speaker: `count` samples at the speaker's rate. */
  void (*play)(void *self, const int16_t *samples, size_t count);
  /* The latencies just now. */
  parley_latency (*latency)(void *self);
  /* A conversation begins or is over: amplifier and echo canceller on or off. `capture` goes on either way, since it is
   * what makes time pass. May be NULL. */
  void (*active)(void *self, bool active);
} parley_audio_port;

/* Settings that outlast power. Keys have up to 15 characters (NVS). */
typedef struct parley_kv_port {
  void *self;
  /* Read a string into `value`, NUL at its end. False, and `value` untouched: there is none, or it does not fit. */
  bool (*get)(void *self, const char *key, char *value, size_t room);
  /* Store a string. False: it could not be stored. */
  bool (*set)(void *self, const char *key, const char *value);
} parley_kv_port;

/* The one button. */
typedef struct parley_button_port {
  void *self;
  /* Whether it is down just now; the core debounces. */
  bool (*is_down)(void *self);
} parley_button_port;

/* What the light shows. A board with one plain LED blinks; docs/esp32.md has the table. */
typedef enum parley_light {
  PARLEY_LIGHT_OFF,        /* idle: press to talk */
  PARLEY_LIGHT_CONNECTING, /* wait */
  PARLEY_LIGHT_READY,      /* connected, nobody speaks: you may */
  PARLEY_LIGHT_LISTENING,  /* you are being heard */
  PARLEY_LIGHT_THINKING,   /* the answer is on its way */
  PARLEY_LIGHT_SPEAKING,   /* the assistant speaks */
  PARLEY_LIGHT_FLOOR,      /* you have taken the floor */
  PARLEY_LIGHT_MUTED,      /* the microphone is closed */
  PARLEY_LIGHT_RESUMING,   /* the network is away; the conversation waits */
  PARLEY_LIGHT_TROUBLE     /* it ended for a fault */
} parley_light;

typedef struct parley_light_port {
  void *self;
  /* Called when it changes. */
  void (*show)(void *self, parley_light light);
} parley_light_port;

typedef enum parley_log_level { PARLEY_LOG_DEBUG, PARLEY_LOG_INFO, PARLEY_LOG_WARNING, PARLEY_LOG_ERROR } parley_log_level;

typedef struct parley_log_port {
  void *self;
  /* One line, without a newline. Tokens are never in it. May be NULL. */
  void (*line)(void *self, parley_log_level level, const char *words);
} parley_log_port;

/* A codec that the core does not have itself: Opus. All may be NULL where neither direction is Opus. */
typedef struct parley_opus_port {
  void *self;
  /* Encode one frame of 20 ms into a packet; return its bytes, 0 on failure. */
  size_t (*encode)(void *self, const int16_t *samples, size_t count, uint8_t *packet, size_t room);
  /* Decode one packet at the speaker's rate; return its samples, 0 on failure. `room` is enough for 120 ms. */
  size_t (*decode)(void *self, const uint8_t *packet, size_t bytes, int16_t *samples, size_t room);
  /* A new reply begins: forget the one before. */
  void (*reset)(void *self);
} parley_opus_port;

#endif
