#include "requests.h"

#include "json_writer.h"

static json_writer begun(char *text, size_t room, const char *name) {
  json_writer w;
  json_begin(&w, text, room);
  json_open(&w, NULL);
  json_open(&w, name);
  return w;
}

static size_t finished(json_writer *w) {
  json_close(w);
  json_close(w);
  return w->is_full ? 0 : w->count;
}

static void put_format(json_writer *w, const char *name, parley_format format) {
  static const char *const names[] = {"", "ENCODING_PCM16", "ENCODING_MULAW", "ENCODING_ALAW", "ENCODING_OPUS"};
  if (!format.encoding) return;
  json_open(w, name);
  json_string(w, "encoding", names[format.encoding]);
  json_u32(w, "rateHz", format.rate_hz);
  json_close(w);
}

static void put_head(json_writer *w, playhead head) {
  json_u64(w, "reply", head.reply);
  json_u64(w, "position", head.position);
}

size_t write_open(char *text, size_t room, const open_request *open) {
  static const char *const echoes[] = {"", "ECHO_DEVICE", "ECHO_SERVER", "ECHO_HEADPHONES"};
  json_writer w = begun(text, room, "open");
  json_u32(&w, "protocol", PARLEY_PROTOCOL);
  json_string(&w, "agent", open->agent);
  json_string(&w, "token", open->token);
  json_string(&w, "resume", open->resume);
  put_format(&w, "input", open->input);
  put_format(&w, "output", open->output);
  json_string(&w, "echo", echoes[open->echo]);
  json_u32(&w, "clientBufferMs", open->client_buffer_ms);
  if (*open->resume && open->next.reply) {
    json_open(&w, "next");
    put_head(&w, open->next);
    json_close(&w);
  }
  if (*open->resume) json_u64(&w, "seq", open->seq);
  return finished(&w);
}

size_t write_playback(char *text, size_t room, const playback_request *playback) {
  json_writer w = begun(text, room, "playback");
  put_head(&w, playback->head);
  json_u64(&w, "micOffset", playback->mic_offset);
  json_u32(&w, "bufferedMs", playback->buffered_ms);
  json_u32(&w, "underruns", playback->underruns);
  json_true(&w, "ended", playback->ended);
  return finished(&w);
}

size_t write_flushed(char *text, size_t room, const flushed_request *flushed) {
  json_writer w = begun(text, room, "flushed");
  json_u64(&w, "seq", flushed->seq);
  put_head(&w, flushed->head);
  json_u64(&w, "micOffset", flushed->mic_offset);
  return finished(&w);
}

size_t write_interrupt(char *text, size_t room) {
  json_writer w = begun(text, room, "interrupt");
  return finished(&w);
}

size_t write_mute(char *text, size_t room, bool muted) {
  json_writer w = begun(text, room, "mute");
  json_true(&w, "muted", muted);
  return finished(&w);
}

size_t write_push_to_talk(char *text, size_t room, bool pressed) {
  json_writer w = begun(text, room, "pushToTalk");
  json_true(&w, "pressed", pressed);
  return finished(&w);
}

size_t write_say(char *text, size_t room, const char *words, const char *id) {
  json_writer w = begun(text, room, "say");
  json_string(&w, "text", words);
  json_string(&w, "id", id);
  return finished(&w);
}

size_t write_end(char *text, size_t room, const char *reason) {
  json_writer w = begun(text, room, "end");
  json_string(&w, "reason", reason);
  return finished(&w);
}

size_t write_heartbeat(char *text, size_t room, uint64_t beat) {
  json_writer w = begun(text, room, "heartbeat");
  json_u64(&w, "beat", beat);
  return finished(&w);
}
