#include "summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>

static int by_size(const void *one, const void *other) {
  uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
  return (a > b) - (a < b);
}

/* The wait below which so many per cent of all lie; 0 where there were none. */
static uint32_t percentile(const uint32_t *sorted, size_t count, unsigned percent) {
  return count ? sorted[(count - 1) * percent / 100] : 0;
}

static double cpu_s(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int summary_tell(FILE *file, const device *devices, unsigned count, uint64_t now_us) {
  uint64_t starved = 0, played = 0, dropped = 0, bytes_in = 0, bytes_out = 0, worst_lag_us = 0;
  unsigned opened = 0, replies = 0, silenced = 0, late = 0, failures = 0, underruns = 0, calls = 0, resumptions = 0;
  unsigned lost_mic_frames = 0, unreadable = 0, held_back = 0;
  size_t answers = 0;
  int worst = EXIT_WELL;
  uint32_t *waits = calloc((size_t)count * DEVICE_ANSWERS, sizeof *waits);
  for (unsigned i = 0; i < count; i++) {
    const device *device = &devices[i];
    parley_counters counted = parley_counters_of(device->whole.core);
    starved += counted.starved_samples;
    played += counted.played_samples;
    dropped += counted.dropped_samples;
    underruns += counted.underruns;
    calls += counted.calls;
    resumptions += counted.resumptions;
    lost_mic_frames += counted.lost_mic_frames;
    unreadable += counted.unreadable;
    held_back += counted.held_back;
    opened += device->is_opened;
    replies += device->replies;
    silenced += device->silenced;
    late += device->late_ticks;
    failures += device->failures;
    bytes_in += device->link.bytes_in;
    bytes_out += device->link.bytes_out;
    if (device->worst_lag_us > worst_lag_us) worst_lag_us = device->worst_lag_us;
    if (device->code > worst) worst = device->code;
    if (!device->is_opened && !device->options->idle && !worst) worst = EXIT_REFUSED;
    for (unsigned k = 0; waits && k < device->answers; k++) waits[answers++] = device->answers_ms[k];
  }
  if (waits) qsort(waits, answers, sizeof *waits, by_size);
  fprintf(file,
          "{\"event\":\"summary\",\"devices\":%u,\"opened\":%u,\"failures\":%u,\"calls\":%u,\"resumptions\":%u,"
          "\"replies\":%u,\"silenced\":%u,\"answers\":%zu,\"answer_p50_ms\":%u,\"answer_p95_ms\":%u,"
          "\"played_samples\":%" PRIu64 ",\"starved_samples\":%" PRIu64 ",\"dropped_samples\":%" PRIu64
          ",\"underruns\":%u,\"lost_mic_frames\":%u,\"unreadable\":%u,\"held_back\":%u,\"late_ticks\":%u,"
          "\"worst_lag_ms\":%.1f,\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64 ",\"seconds\":%.1f,\"cpu_s\":%.2f}\n",
          count, opened, failures, calls, resumptions, replies, silenced, answers, percentile(waits, answers, 50),
          percentile(waits, answers, 95), played, starved, dropped, underruns, lost_mic_frames, unreadable, held_back,
          late, (double)worst_lag_us / 1000, bytes_in, bytes_out, (double)(now_us - devices[0].started_us) / 1e6,
          cpu_s());
  fflush(file);
  free(waits);
  return worst;
}
