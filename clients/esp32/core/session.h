/* A client's whole memory. Private to the core. */
#ifndef PARLEY_SESSION_H
#define PARLEY_SESSION_H

#include "message.h"
#include "mic_line.h"
#include "parley.h"
#include "playout.h"
#include "requests.h"
#include "speech.h"

#define TEXT_BYTES 1536         /* the largest text frame that is sent: `open` with both tokens */
#define LARGEST_REPORTS 8       /* playback reports that wait to be sent; the oldest go */
#define REPORTED_REPLIES 3      /* the newest replies whose last report is said again on another connection */
#define FAR_FRAMES 32           /* 640 ms of what went to the speaker, for the speech detector */
#define KNOWN_CAPTIONS 64       /* by their hashes: after a resumption some come again */
#define OPUS_PACKET_BYTES 1275
#define OPUS_FRAME_BYTES 200    /* of 20 ms of the microphone: 80 kbit/s at most */

/* A pressed interrupt (stop_key.c). */
typedef enum stop_key { STOP_NONE, STOP_SENT, STOP_DUE } stop_key;

/* The one connection. */
typedef enum link_state {
  LINK_NONE,
  LINK_CALLING, /* `call` was said */
  LINK_OPENING, /* it stands, and `open` is to be sent or was */
  LINK_OPEN     /* `opened` came */
} link_state;

struct parley {
  parley_config config;
  parley_ports ports;
  parley_listener listener;
  parley_counters counters;
  parley_state state;
  parley_activity activity;
  uint32_t now_ms;
  uint32_t ticked_ms; /* when time passed last */

  /* Calling */
  link_state link;
  uint32_t door, doors, calls;
  uint32_t call_at_ms, give_up_at_ms;
  uint32_t waiting_ms;    /* for an answer to this call */
  uint32_t quiet_ms;      /* since anything came */
  uint32_t unanswered;    /* calls that nobody answered */
  bool may_be_answered_late; /* one of them may yet be, by a server that wakes up */
  bool is_open_due, is_open_sent;
  bool is_drop_due, is_drop_polite; /* the connection is to be let go of, from within the next tick */
  bool is_hanging_up, is_in_trouble;
  uint32_t hung_up_at_ms, ended_at_ms, lost_at_ms, stands_since_ms;

  /* What is needed to go on over another connection */
  uint32_t resume_s;
  playhead next;
  bool has_resumed;
  uint32_t kept_report_count;
  flushed_request last_flushed;
  bool has_flushed;
  uint32_t caption_at;

  /* To be sent */
  uint32_t report_count;
  uint32_t flushed_count;
  stop_key stop;
  uint32_t stop_ms;    /* that a connection stood since it was sent */
  uint32_t stop_reply; /* what sounded when it was pressed: no other reply is to be stopped. 0: nothing */
  bool is_end_due, is_end_sent, has_mute_due, has_talk_key_due;
  bool said_muted, said_pressed; /* what is told of the keys at the beginning of another connection */
  uint32_t unbeaten_ms;          /* since the last heartbeat */
  uint64_t beats;
  uint32_t say_ids;

  /* Microphone */
  uint64_t mic_offset;
  uint32_t mic_frame_samples, input_latency;
  bool is_muted, is_pressed, has_talk_key;
  speech_detector speech;
  uint32_t far_at;
  bool is_duck_armed;
  uint32_t unarmed_ms;

  /* Speaker */
  uint32_t speaker_frame_samples;
  int64_t reported_at;

  /* What comes */
  bool is_text, is_ignored;       /* the message that is being received */
  uint32_t header_count;
  uint8_t header[REPLY_HEADER_BYTES];
  bool has_half;
  uint8_t half;
  uint32_t packet_bytes;
  uint8_t *packet;                /* an Opus packet; NULL where the output is none */
  int16_t *decoded;

  /* What is large stands last: the nearer a field, the shorter the code that reaches it. */
  playout playout;
  mic_line line;
  playback_request kept_reports[REPORTED_REPLIES], reports[LARGEST_REPORTS];
  flushed_request flushed[LARGEST_FLUSHES];
  int32_t far_levels[FAR_FRAMES];
  uint32_t captions[KNOWN_CAPTIONS];
  char end_reason[64];
  char resume_token[RESUME_TOKEN_BYTES];
  char why[PARLEY_WORDS_BYTES]; /* what the last call failed for */
  char text[TEXT_BYTES];        /* what is being sent */
  message_reader reader;
};

/* session.c */
void set_state(parley *p, parley_state state, const char *why);
void tell(parley *p, parley_event *event);
void tell_plainly(parley *p, parley_event_kind kind, const char *words, int32_t value, int32_t value2);
void end_session(parley *p, bool is_trouble, const char *why);
uint64_t mic_offset_at(const parley *p, int64_t played);
void note(parley *p, parley_log_level level, const char *words);
bool is_talking(const parley *p);

/* calling.c */
void calling_begin(parley *p);
void calling_tick(parley *p, uint32_t passed_ms);
/* This call came to nothing: the next one, after its pause. `is_silent`: nobody answered it. */
void calling_failed(parley *p, const char *why, bool is_silent);
/* Let go of the connection, within the next tick. */
void let_go(parley *p, bool politely);

/* resuming.c */
bool is_resumption_offered(const parley *p);
/* The connection is lost: resume where that is offered. `elsewhere`: another server is asked first. */
void lose_connection(parley *p, const char *why, bool elsewhere);
void opened_came(parley *p, const message *opened);
void note_received(parley *p, playhead next);

/* reporting.c */
void report_happenings(parley *p);
void report_in_time(parley *p);

/* sending.c */
void send_what_is_due(parley *p);

/* stop_key.c */
/* Another connection stands: what the lost one may have swallowed is pressed again. */
void stop_key_back(parley *p);
/* Time passes while a connection stands. */
void stop_key_tick(parley *p, uint32_t passed_ms);

/* capture.c */
void capture_frame(parley *p, const int16_t *microphone);

/* local_duck.c */
void local_duck_reset(parley *p);
void note_far_level(parley *p, const int16_t *speaker);
void watch_for_speech(parley *p, const int16_t *microphone);
/* Tell of a duck that undid itself. */
void note_lapsed_duck(parley *p);

/* acting.c */
void act(parley *p, const message *got);

/* Whether `at` has come, on a clock that may wrap around. */
static inline bool is_past(uint32_t now_ms, uint32_t at_ms) { return (int32_t)(now_ms - at_ms) >= 0; }

#endif
