#pragma once
#include "esp_err.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
typedef void *httpd_handle_t;
typedef enum { HTTP_GET = 1, HTTP_POST = 3 } httpd_method_t;
typedef struct {
  unsigned task_priority;
  size_t stack_size;
  uint16_t server_port;
} httpd_config_t;
#define HTTPD_DEFAULT_CONFIG() {.task_priority = 5, .stack_size = 4096, .server_port = 80}
typedef struct httpd_req {
  httpd_handle_t handle;
  int method;
  const char uri[513];
  size_t content_len;
} httpd_req_t;
typedef struct httpd_uri {
  const char *uri;
  httpd_method_t method;
  esp_err_t (*handler)(httpd_req_t *r);
  void *user_ctx;
} httpd_uri_t;
#define HTTPD_RESP_USE_STRLEN -1
esp_err_t httpd_start(httpd_handle_t *handle, const httpd_config_t *config);
esp_err_t httpd_stop(httpd_handle_t handle);
esp_err_t httpd_register_uri_handler(httpd_handle_t handle, const httpd_uri_t *uri_handler);
int httpd_req_recv(httpd_req_t *r, char *buf, size_t buf_len);
esp_err_t httpd_resp_send(httpd_req_t *r, const char *buf, ssize_t buf_len);
esp_err_t httpd_resp_set_status(httpd_req_t *r, const char *status);
esp_err_t httpd_resp_set_type(httpd_req_t *r, const char *type);
