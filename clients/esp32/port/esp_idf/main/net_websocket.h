/* The net port on esp_websocket_client, with a task of its own that may wait for the network: nobody else has to. */
#ifndef PARLEY_NET_WEBSOCKET_H
#define PARLEY_NET_WEBSOCKET_H

#include "esp_err.h"
#include "parley.h"

/* Start the task. `lock` is taken round every call of the core from here. */
esp_err_t net_websocket_start(parley *core, void (*lock)(void *self, bool locked));

/* The port that the core is given; it can be had before the start. */
parley_net_port net_websocket_port(void);

#endif
