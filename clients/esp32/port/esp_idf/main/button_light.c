#include "button_light.h"

#include "board.h"
#include "esp_check.h"
#include "esp_timer.h"
#include "led_strip.h"

#include <stdatomic.h>

#define STEP_US 100000
#define STEPS 16u
#define SETUP 31u

/* What each light looks like: 16 steps of a tenth of a second, the lowest bit first; and a colour, where there are any.
 * A plain LED has only the steps, so they alone tell all apart. */
typedef struct {
  uint16_t steps;
  uint8_t red, green, blue;
} look;

static const look looks[] = {
    [PARLEY_LIGHT_OFF] = {0x0000, 0, 0, 0},
    [PARLEY_LIGHT_CONNECTING] = {0x3333, 24, 24, 24}, /* quick blinking */
    [PARLEY_LIGHT_READY] = {0x0001, 0, 24, 0},        /* a flash now and then */
    [PARLEY_LIGHT_LISTENING] = {0xffff, 0, 32, 0},    /* steady */
    [PARLEY_LIGHT_THINKING] = {0x0f0f, 24, 16, 0},    /* even blinking */
    [PARLEY_LIGHT_SPEAKING] = {0xfffe, 0, 0, 32},     /* steady, with a wink */
    [PARLEY_LIGHT_FLOOR] = {0xffff, 0, 32, 16},       /* steady: you are heard */
    [PARLEY_LIGHT_MUTED] = {0x0005, 32, 0, 0},        /* two flashes */
    [PARLEY_LIGHT_RESUMING] = {0x5555, 32, 12, 0},    /* flicker */
    [PARLEY_LIGHT_TROUBLE] = {0x0015, 32, 0, 0},      /* three flashes */
};
static const look setup = {0x00ff, 16, 0, 32};

static atomic_uint shown;
static led_strip_handle_t strip;

static void paint(void *nothing) {
  (void)nothing;
  static unsigned step;
  static int was_lit = -1;
  static const look *was;
  unsigned which = atomic_load(&shown);
  const look *now = which == SETUP ? &setup : &looks[which];
  int lit = (now->steps >> step) & 1;
  step = (step + 1) % STEPS;
  if (lit == was_lit && now == was) return;
  was_lit = lit;
  was = now;
  if (!the_board.rgb) {
    gpio_set_level(the_board.light, (uint32_t)lit);
  } else if (strip) {
    led_strip_set_pixel(strip, 0, lit ? now->red : 0, lit ? now->green : 0, lit ? now->blue : 0);
    led_strip_refresh(strip);
  }
}

static esp_err_t start_light(void) {
  if (the_board.light == GPIO_NUM_NC) return ESP_OK;
  if (the_board.rgb) {
    led_strip_config_t one = {.strip_gpio_num = the_board.light, .max_leds = 1};
    led_strip_rmt_config_t driver = {.resolution_hz = 10 * 1000 * 1000};
    ESP_RETURN_ON_ERROR(led_strip_new_rmt_device(&one, &driver, &strip), "light", "no light");
  } else {
    const gpio_config_t pin = {.pin_bit_mask = 1ull << the_board.light, .mode = GPIO_MODE_OUTPUT};
    ESP_RETURN_ON_ERROR(gpio_config(&pin), "light", "no light");
  }
  const esp_timer_create_args_t timer = {.callback = paint, .name = "light"};
  esp_timer_handle_t handle = NULL;
  ESP_RETURN_ON_ERROR(esp_timer_create(&timer, &handle), "light", "no light");
  return esp_timer_start_periodic(handle, STEP_US);
}

esp_err_t button_light_start(void) {
  const gpio_config_t pin = {
      .pin_bit_mask = 1ull << the_board.button, .mode = GPIO_MODE_INPUT, .pull_up_en = GPIO_PULLUP_ENABLE};
  ESP_RETURN_ON_ERROR(gpio_config(&pin), "button", "no button");
  return start_light();
}

static bool is_down(void *self) {
  (void)self;
  return gpio_get_level(the_board.button) == 0;
}

static void show(void *self, parley_light light) {
  (void)self;
  if ((size_t)light < sizeof looks / sizeof *looks) atomic_store(&shown, (unsigned)light);
}

parley_button_port button_light_button(void) {
  return (parley_button_port){.is_down = is_down};
}

parley_light_port button_light_light(void) {
  return (parley_light_port){.show = show};
}

bool button_light_is_down(void) {
  return is_down(NULL);
}

void button_light_show_setup(void) {
  atomic_store(&shown, SETUP);
}
