#pragma once
#include <stddef.h>
#include <stdint.h>
typedef uint32_t TickType_t;
typedef int BaseType_t;
typedef unsigned UBaseType_t;
#define pdFALSE 0
#define pdTRUE 1
#define pdPASS 1
#define portMAX_DELAY 0xffffffffu
#define portNUM_PROCESSORS 2
#define pdMS_TO_TICKS(ms) ((TickType_t)(ms))
#define BIT0 1u
