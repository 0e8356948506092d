/* Wi-Fi: joined with what is stored; a device that was never set up opens a network of its own for that. */
#ifndef PARLEY_WIFI_H
#define PARLEY_WIFI_H

#include "esp_err.h"

#include <stdbool.h>

/* Start. `forget`: what is stored is forgotten, and the device is to be set up anew. Returns when there is a network. */
esp_err_t wifi_start(bool forget);
/* Whether the radio may sleep between beacons. */
void wifi_stay_awake(bool awake);

#endif
