/* The button while the device starts: held for 3 s it has the device set up anew. */
#include "../main/app_main.c"

#include "check.h"

#include <setjmp.h>

static struct {
  int64_t now_us;
  int64_t down_from_ms, down_to_ms, joined_at_ms;
  bool is_forgotten;
  jmp_buf restart;
} world;

int64_t esp_timer_get_time(void) {
  return world.now_us;
}

bool button_light_is_down(void) {
  int64_t now_ms = world.now_us / 1000;
  return now_ms >= world.down_from_ms && now_ms < world.down_to_ms;
}

bool wifi_is_joined(void) {
  return world.now_us / 1000 >= world.joined_at_ms;
}

void wifi_forget(void) {
  world.is_forgotten = true;
}

void esp_restart(void) {
  longjmp(world.restart, 1);
}

void vTaskDelay(TickType_t ticks) {
  world.now_us += (int64_t)ticks * 1000;
}

void esp_log_stub(esp_log_level_t level, const char *about, const char *format, ...) {
  (void)level, (void)about, (void)format;
}

/* Start; returns after how many milliseconds there was a network, or -1: the device starts anew to be set up. */
static int64_t start(int64_t down_from_ms, int64_t down_to_ms, int64_t joined_at_ms) {
  world.now_us = 0;
  world.down_from_ms = down_from_ms;
  world.down_to_ms = down_to_ms;
  world.joined_at_ms = joined_at_ms;
  world.is_forgotten = false;
  if (setjmp(world.restart)) return world.is_forgotten ? -1 : -2;
  wait_for_network();
  return world.now_us / 1000;
}

int main(void) {
  CHECK(start(0, 0, 1000) == 3000);        /* time to reach for the button */
  CHECK(start(0, 0, 9000) == 9000);        /* no network before */
  CHECK(start(500, 2000, 1000) == 3000);   /* let go of too soon */
  CHECK(start(2500, 9000, 1000) == -1);    /* held, though it has joined long since */
  CHECK(start(60000, 63100, 99000) == -1); /* the old network is out of reach */
  return told("button");
}
