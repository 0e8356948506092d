#include "settings_nvs.h"

#include "nvs.h"
#include "sdkconfig.h"

#include <string.h>

#define NAMESPACE "parley"
#define DOOR "/v1/converse"

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

/* Give each URL of a list the path of Parley's door where it has none: people type "wss://parley.example". */
static bool complete(char *urls, size_t room) {
  for (char *at = urls; *at;) {
    char *host = strstr(at, "://");
    char *end = at + strcspn(at, ",");
    char *path = host && host < end ? host + 3 + strcspn(host + 3, "/,") : end;
    size_t missing = path < end && path[1] != ',' && path[1] != '\0' ? 0 : sizeof DOOR - 1;
    if (missing && path < end) missing--; /* a bare "/" is there already */
    if (strlen(urls) + missing + 1 > room) return false;
    if (missing) {
      memmove(end + missing, end, strlen(end) + 1);
      memcpy(path, DOOR, sizeof DOOR - 1);
      end += missing;
    }
    at = end + (*end == ',');
  }
  return true;
}

static bool get_stored(const char *key, char *value, size_t room) {
  nvs_handle_t store;
  if (nvs_open(NAMESPACE, NVS_READONLY, &store) != ESP_OK) return get_default(key, value, room);
  size_t size = 0;
  bool has_it = nvs_get_str(store, key, NULL, &size) == ESP_OK && size > 0 && size <= room &&
                nvs_get_str(store, key, value, &size) == ESP_OK;
  nvs_close(store);
  return has_it || get_default(key, value, room);
}

static bool get(void *self, const char *key, char *value, size_t room) {
  (void)self;
  return get_stored(key, value, room) && (strcmp(key, "server") != 0 || complete(value, room));
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
