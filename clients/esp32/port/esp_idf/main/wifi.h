/* Wi-Fi: joined with what is stored; a device that was never set up opens a network of its own for that. */
#ifndef PARLEY_WIFI_H
#define PARLEY_WIFI_H

#include "esp_err.h"

#include <stdbool.h>

/* Begin to join, or to be set up. */
esp_err_t wifi_start(void);
/* Whether there is a network just now. */
bool wifi_is_joined(void);
/* Forget what is stored: at its next start the device is to be set up anew. */
void wifi_forget(void);
/* Whether the radio may sleep between beacons. */
void wifi_stay_awake(bool awake);

#endif
