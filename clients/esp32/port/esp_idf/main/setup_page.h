/* The page that a new device serves over its own network: Wi-Fi, server, token, agent. */
#ifndef PARLEY_SETUP_PAGE_H
#define PARLEY_SETUP_PAGE_H

#include "esp_err.h"

esp_err_t setup_page_start(void);
void setup_page_stop(void);
/* The HTTP server's handle, as wifi_provisioning wants it. */
void *setup_page_server(void);

#endif
