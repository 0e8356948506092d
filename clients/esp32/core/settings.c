/* Settings, as the key-value store has them. */
#include <string.h>

#include "parley.h"

static void read(const parley_kv_port *kv, const char *key, char *value, size_t room) {
  value[0] = 0;
  if (!kv->get(kv->self, key, value, room)) value[0] = 0;
}

/* Cut "ws://a:7780/v1/converse,wss://b/v1/converse" at its commas, in place. */
static const char *set_servers(char *urls, parley_config *config) {
  uint32_t count = 0;
  while (*urls) {
    char *end = strchr(urls, ',');
    if (end) *end = 0;
    while (*urls == ' ') urls++;
    if (strncmp(urls, "ws://", 5) != 0 && strncmp(urls, "wss://", 6) != 0) {
      return "Set the server to a URL like ws://10.0.0.5:7780/v1/converse, several with commas between.";
    }
    if (count == PARLEY_LARGEST_SERVERS) return "Set at most four servers.";
    config->servers[count++] = urls;
    urls = end ? end + 1 : urls + strlen(urls);
  }
  return count ? NULL : "Set the server: no address is stored.";
}

const char *parley_settings_load(const parley_kv_port *kv, parley_settings *s, parley_config *config) {
  static const char *const echoes[] = {"device", "server", "headphones"};
  read(kv, "server", s->server, sizeof s->server);
  read(kv, "token", s->token, sizeof s->token);
  read(kv, "agent", s->agent, sizeof s->agent);
  read(kv, "echo", s->echo, sizeof s->echo);
  config->token = s->token;
  config->agent = s->agent;
  if (s->echo[0]) {
    bool is_known = false;
    for (int i = 0; i < 3; i++) {
      if (strcmp(s->echo, echoes[i]) != 0) continue;
      config->echo = (parley_echo)(i + 1);
      is_known = true;
    }
    if (!is_known) return "Set echo to device, server or headphones.";
  }
  return set_servers(s->server, config);
}
