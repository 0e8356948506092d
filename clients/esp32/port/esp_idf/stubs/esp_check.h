#pragma once
#include "esp_err.h"
#include "esp_log.h"
#define ESP_RETURN_ON_ERROR(x, tag, format, ...) \
  do { \
    esp_err_t error_of_stub = (x); \
    if (error_of_stub != ESP_OK) { \
      ESP_LOGE(tag, format, ##__VA_ARGS__); \
      return error_of_stub; \
    } \
  } while (0)
#define ESP_RETURN_ON_FALSE(x, code, tag, format, ...) \
  do { \
    if (!(x)) { \
      ESP_LOGE(tag, format, ##__VA_ARGS__); \
      return code; \
    } \
  } while (0)
