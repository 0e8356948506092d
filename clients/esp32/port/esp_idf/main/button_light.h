/* One button and one light. */
#ifndef PARLEY_BUTTON_LIGHT_H
#define PARLEY_BUTTON_LIGHT_H

#include "esp_err.h"
#include "ports.h"

esp_err_t button_light_start(void);
parley_button_port button_light_button(void);
parley_light_port button_light_light(void);
/* Whether the button is down just now; not debounced. */
bool button_light_is_down(void);
/* Show that the device waits to be set up: slow, even blinking. */
void button_light_show_setup(void);

#endif
