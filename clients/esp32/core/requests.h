/* What a client says in text frames. Each writes one message and returns its bytes; 0: it does not fit. */
#ifndef PARLEY_REQUESTS_H
#define PARLEY_REQUESTS_H

#include "frames.h"
#include "parley.h"

typedef struct open_request {
  const char *agent, *token;
  const char *resume; /* "" : a new session; then `next` and `seq` are not said */
  playhead next;
  uint64_t seq;
  parley_format input, output;
  parley_echo echo;
  uint32_t client_buffer_ms;
} open_request;

typedef struct playback_request {
  playhead head;
  uint64_t mic_offset;
  uint32_t buffered_ms, underruns;
  bool ended;
} playback_request;

typedef struct flushed_request {
  uint64_t seq;
  playhead head;
  uint64_t mic_offset;
} flushed_request;

size_t write_open(char *text, size_t room, const open_request *open);
size_t write_playback(char *text, size_t room, const playback_request *playback);
size_t write_flushed(char *text, size_t room, const flushed_request *flushed);
size_t write_interrupt(char *text, size_t room);
size_t write_mute(char *text, size_t room, bool muted);
size_t write_push_to_talk(char *text, size_t room, bool pressed);
size_t write_say(char *text, size_t room, const char *words, const char *id);
size_t write_end(char *text, size_t room, const char *reason);
size_t write_heartbeat(char *text, size_t room, uint64_t beat);

#endif
