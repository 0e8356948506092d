/* A client on a stage: a clock, a network and a server made of words. */
#ifndef PARLEY_STAGE_H
#define PARLEY_STAGE_H

#include "../../core/parley.h"

typedef struct stage {
  uint32_t clock_ms;
  bool has_network;   /* whether `call` succeeds */
  bool is_blocked;    /* `send` takes nothing */
  int calls, drops, audio_frames, texts;
  int interrupts;     /* that were sent */
  char url[64];       /* the last that was called */
  char last[2048];    /* the last text that was sent, heartbeats left out */
  uint8_t audio[2048]; /* the last frame of the microphone */
  size_t audio_bytes;
  parley_event_kind events[64];
  int event_count;
  char words[PARLEY_WORDS_BYTES]; /* of the last state */
  parley *p;
  parley_config config;
  parley_ports ports;
  int16_t microphone[960], speaker[960];
} stage;

extern stage on;

/* What a server says to a new session, and to one that goes on. */
#define OPENED "{\"opened\":{\"session\":\"s\",\"resumeToken\":\"t1\",\"protocol\":1,\"resumeS\":30}}"
#define RESUMED \
  "{\"opened\":{\"session\":\"s\",\"resumeToken\":\"t2\",\"protocol\":1,\"resumeS\":30,\"resumed\":true,\"micOffset\":\"0\"}}"

/* A client with this configuration; `config` NULL: the usual one. */
void stage_begin(const parley_config *config);
void stage_config(parley_config *config);
/* Let so many ticks pass. */
void stage_ticks(int count);
/* The server says something. */
void stage_says(const char *text);
/* A piece of a reply in PCM16: samples of that value. Returns how many bytes were taken. */
size_t stage_audio(uint32_t reply, uint64_t position, uint32_t samples, int16_t value);
/* Call, connect and be opened. */
void stage_open(void);
/* Lose the connection and go on over another one, within two ticks. */
void stage_resume(void);
bool stage_told(parley_event_kind kind);
bool stage_sent(const char *words);

#endif
