#pragma once
#include "freertos/FreeRTOS.h"
typedef struct StreamBufferDef_t *MessageBufferHandle_t;
MessageBufferHandle_t xMessageBufferCreate(size_t bytes);
size_t xMessageBufferSend(MessageBufferHandle_t buffer, const void *data, size_t bytes, TickType_t wait);
size_t xMessageBufferReceive(MessageBufferHandle_t buffer, void *data, size_t room, TickType_t wait);
