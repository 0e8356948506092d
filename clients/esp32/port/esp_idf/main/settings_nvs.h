/* The key-value port on NVS, in the namespace "parley": what is not stored there is what menuconfig says. */
#ifndef PARLEY_SETTINGS_NVS_H
#define PARLEY_SETTINGS_NVS_H

#include "ports.h"

parley_kv_port settings_nvs_port(void);

#endif
