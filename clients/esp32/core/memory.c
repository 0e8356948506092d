/* Where everything stands in the memory that the owner gives. */
#include <string.h>

#include "session.h"

enum {
  SHORTEST_RING_MS = 100,
  SHORTEST_OPUS_RING_MS = 300 /* a packet of 120 ms has to fit while another one waits */
};

typedef struct layout {
  size_t line, ring, packet, decoded, total;
  uint32_t slot_bytes, slots, ring_samples;
} layout;

static bool is_format(parley_format format) {
  static const uint32_t pcm[] = {8000, 16000, 24000, 44100, 48000}, opus[] = {8000, 12000, 16000, 24000, 48000};
  if (format.encoding == PARLEY_MULAW) return format.rate_hz == 8000;
  const uint32_t *rates = format.encoding == PARLEY_PCM16 ? pcm : opus;
  bool is_known = false;
  for (int i = 0; i < 5; i++) is_known |= rates[i] == format.rate_hz;
  return is_known && (format.encoding == PARLEY_PCM16 || format.encoding == PARLEY_OPUS);
}

static uint32_t frame_samples(parley_format format) { return format.rate_hz * PARLEY_FRAME_MS / 1000; }

static size_t aligned(size_t bytes) { return (bytes + 7) & ~(size_t)7; }

static layout layout_of(const parley_config *config) {
  layout l = {0};
  uint32_t samples = frame_samples(config->input);
  uint32_t frame_bytes = config->input.encoding == PARLEY_PCM16   ? 2 * samples
                         : config->input.encoding == PARLEY_MULAW ? samples
                                                                  : OPUS_FRAME_BYTES;
  bool has_packets = config->output.encoding == PARLEY_OPUS;
  l.slot_bytes = line_slot_bytes(MIC_HEADER_BYTES + frame_bytes);
  l.slots = config->retention_ms / PARLEY_FRAME_MS;
  l.ring_samples = (uint32_t)((uint64_t)config->output.rate_hz * config->playout_ms / 1000);
  l.line = aligned(sizeof(parley));
  l.ring = l.line + (size_t)l.slot_bytes * l.slots;
  l.decoded = l.ring + aligned(l.ring_samples * sizeof(int16_t));
  l.packet = l.decoded + (has_packets ? aligned(config->output.rate_hz * 120 / 1000 * sizeof(int16_t)) : 0);
  l.total = l.packet + (has_packets ? aligned(OPUS_PACKET_BYTES) : 0);
  return l;
}

static bool is_possible(const parley_config *config) {
  return config->servers[0] && *config->servers[0] && is_format(config->input) && is_format(config->output) &&
         config->playout_ms >= (config->output.encoding == PARLEY_OPUS ? SHORTEST_OPUS_RING_MS : SHORTEST_RING_MS) &&
         config->playout_ms <= 120000 &&
         config->retention_ms >= SHORTEST_RING_MS && config->retention_ms <= 10000 && config->agent && config->token &&
         config->echo >= PARLEY_ECHO_DEVICE && config->echo <= PARLEY_ECHO_HEADPHONES;
}

void parley_defaults(parley_config *config) {
  *config = (parley_config){.agent = "",
                            .token = "",
                            .input = {PARLEY_PCM16, 16000},
                            .output = {PARLEY_PCM16, 24000},
                            .echo = PARLEY_ECHO_DEVICE,
                            .local_duck = true,
                            .client_buffer_ms = 400,
                            .playout_ms = 600,
                            .retention_ms = 400};
}

size_t parley_memory_bytes(const parley_config *config) { return is_possible(config) ? layout_of(config).total : 0; }

parley *parley_init(void *memory, size_t bytes, const parley_config *config, const parley_ports *ports) {
  size_t needed = parley_memory_bytes(config);
  if (!memory || !needed || bytes < needed || (uintptr_t)memory % 8) return NULL;
  layout l = layout_of(config);
  memset(memory, 0, needed);
  parley *p = memory;
  p->config = *config;
  p->ports = *ports;
  while (p->doors < PARLEY_LARGEST_SERVERS && config->servers[p->doors]) p->doors++;
  p->mic_frame_samples = frame_samples(config->input);
  p->speaker_frame_samples = frame_samples(config->output);
  line_init(&p->line, (uint8_t *)memory + l.line, l.slot_bytes, l.slots);
  playout_init(&p->playout, config->output.rate_hz, (int16_t *)(void *)((uint8_t *)memory + l.ring), l.ring_samples);
  if (config->output.encoding == PARLEY_OPUS) {
    p->decoded = (int16_t *)(void *)((uint8_t *)memory + l.decoded);
    p->packet = (uint8_t *)memory + l.packet;
  }
  local_duck_reset(p);
  return p;
}
