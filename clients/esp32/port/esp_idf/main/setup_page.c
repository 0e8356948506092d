#include "setup_page.h"

#include "esp_http_server.h"
#include "esp_log.h"
#include "esp_wifi.h"
#include "settings_nvs.h"
#include "wifi_provisioning/manager.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FORM_BYTES 2048

static const char *tag = "setup";
static httpd_handle_t server;

static const char page[] =
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>Parley</title><style>body{font:1rem sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem}"
    "label{display:block;margin:1rem 0}input{display:block;width:100%;font:inherit;padding:.4rem;box-sizing:border-box}"
    "button{font:inherit;padding:.5rem 1.5rem}</style><h1>Parley</h1><form method=post>"
    "<label>Wi-Fi network<input name=ssid required maxlength=32 autocapitalize=none></label>"
    "<label>Its password<input name=password type=password maxlength=63></label>"
    "<label>Server<input name=server placeholder='wss://parley.example' maxlength=255 autocapitalize=none></label>"
    "<label>Token, if it wants one<input name=token maxlength=511 autocapitalize=none></label>"
    "<label>Agent, if not the usual one<input name=agent maxlength=64 autocapitalize=none></label>"
    "<p>What is left empty stays as it is.</p><button>Save</button></form>";
static const char saved[] = "<!doctype html><meta charset=utf-8><title>Parley</title><p>Saved. The device joins your "
                            "network now; this one closes. If its light goes on blinking slowly, the network could not "
                            "be joined: come back to this page.";

static int hex(char letter) {
  return isdigit((unsigned char)letter) ? letter - '0' : tolower((unsigned char)letter) - 'a' + 10;
}

/* Take a field out of a form (application/x-www-form-urlencoded). False: it is not there, empty, or too long. */
static bool field(const char *form, const char *name, char *value, size_t room) {
  size_t name_size = strlen(name), size = 0;
  for (const char *at = form; at && *at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL) {
    if (strncmp(at, name, name_size) != 0 || at[name_size] != '=') continue;
    for (at += name_size + 1; *at && *at != '&' && size + 1 < room; at++) {
      char letter = *at == '+' ? ' ' : *at;
      if (*at == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2])) {
        letter = (char)(hex(at[1]) * 16 + hex(at[2]));
        at += 2;
      }
      value[size++] = letter;
    }
    value[size] = '\0';
    return size > 0 && (*at == '\0' || *at == '&');
  }
  return false;
}

static esp_err_t show(httpd_req_t *request) {
  return httpd_resp_send(request, page, HTTPD_RESP_USE_STRLEN);
}

static esp_err_t refuse(httpd_req_t *request, const char *why) {
  httpd_resp_set_status(request, "400 Bad Request");
  httpd_resp_set_type(request, "text/plain");
  return httpd_resp_send(request, why, HTTPD_RESP_USE_STRLEN);
}

static bool store(const char *form) {
  static const char *const names[] = {"server", "token", "agent"};
  static char value[512];
  parley_kv_port settings = settings_nvs_port();
  bool well = true;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (field(form, names[i], value, sizeof value)) well &= settings.set(settings.self, names[i], value);
  return well;
}

static esp_err_t save(httpd_req_t *request) {
  static char form[FORM_BYTES];
  size_t size = 0;
  while (size < request->content_len && size < sizeof form - 1) {
    int got = httpd_req_recv(request, form + size, sizeof form - 1 - size);
    if (got <= 0) return ESP_FAIL;
    size += (size_t)got;
  }
  form[size] = '\0';
  wifi_config_t network = {0};
  char ssid[33], password[64] = "";
  if (size < request->content_len || !field(form, "ssid", ssid, sizeof ssid))
    return refuse(request, "The network's name is missing, or something is too long.");
  field(form, "password", password, sizeof password);
  memcpy(network.sta.ssid, ssid, strlen(ssid));
  memcpy(network.sta.password, password, strlen(password));
  if (!store(form)) return refuse(request, "It could not be stored: the store is full. Erase the flash, and try again.");
  ESP_LOGI(tag, "it was told what to join");
  esp_err_t sent = httpd_resp_send(request, saved, HTTPD_RESP_USE_STRLEN);
  if (wifi_prov_mgr_configure_sta(&network) != ESP_OK) ESP_LOGW(tag, "it can't be joined just now: save it once more");
  return sent;
}

esp_err_t setup_page_start(void) {
  httpd_config_t config = HTTPD_DEFAULT_CONFIG();
  esp_err_t error = httpd_start(&server, &config);
  if (error != ESP_OK) return error;
  const httpd_uri_t get = {.uri = "/", .method = HTTP_GET, .handler = show};
  const httpd_uri_t post = {.uri = "/", .method = HTTP_POST, .handler = save};
  error = httpd_register_uri_handler(server, &get);
  return error == ESP_OK ? httpd_register_uri_handler(server, &post) : error;
}

void setup_page_stop(void) {
  if (server) httpd_stop(server);
  server = NULL;
}

void *setup_page_server(void) {
  return &server;
}
