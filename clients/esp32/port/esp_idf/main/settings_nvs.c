#include "settings_nvs.h"

#include "nvs.h"
#include "sdkconfig.h"

#include <string.h>

#define NAMESPACE "parley"

static bool get_default(const char *key, char *value, size_t room) {
  static const struct {
    const char *key, *value;
  } defaults[] = {{"server", CONFIG_PARLEY_SERVER}, {"token", CONFIG_PARLEY_TOKEN}, {"agent", CONFIG_PARLEY_AGENT}};
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
    size_t size = strlen(defaults[i].value) + 1;
    if (strcmp(key, defaults[i].key) != 0 || size == 1 || size > room) continue;
    memcpy(value, defaults[i].value, size);
    return true;
  }
  return false;
}

static bool get(void *self, const char *key, char *value, size_t room) {
  (void)self;
  nvs_handle_t store;
  if (nvs_open(NAMESPACE, NVS_READONLY, &store) != ESP_OK) return get_default(key, value, room);
  size_t size = 0;
  bool has_it = nvs_get_str(store, key, NULL, &size) == ESP_OK && size > 0 && size <= room &&
                nvs_get_str(store, key, value, &size) == ESP_OK;
  nvs_close(store);
  return has_it || get_default(key, value, room);
}

static bool set(void *self, const char *key, const char *value) {
  (void)self;
  nvs_handle_t store;
  if (nvs_open(NAMESPACE, NVS_READWRITE, &store) != ESP_OK) return false;
  bool well = nvs_set_str(store, key, value) == ESP_OK && nvs_commit(store) == ESP_OK;
  nvs_close(store);
  return well;
}

parley_kv_port settings_nvs_port(void) {
  return (parley_kv_port){.get = get, .set = set};
}
