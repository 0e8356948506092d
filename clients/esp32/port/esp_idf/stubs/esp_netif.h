#pragma once
#include "esp_event.h"
typedef struct esp_netif_obj esp_netif_t;
typedef struct {
  uint32_t addr;
} esp_ip4_addr_t;
typedef struct {
  esp_ip4_addr_t ip, netmask, gw;
} esp_netif_ip_info_t;
typedef struct {
  esp_netif_t *esp_netif;
  esp_netif_ip_info_t ip_info;
  int ip_changed;
} ip_event_got_ip_t;
typedef enum { IP_EVENT_STA_GOT_IP, IP_EVENT_STA_LOST_IP } ip_event_t;
ESP_EVENT_DECLARE_BASE(IP_EVENT);
#define IPSTR "%d.%d.%d.%d"
#define IP2STR(ip) \
  (int)((ip)->addr & 0xff), (int)((ip)->addr >> 8 & 0xff), (int)((ip)->addr >> 16 & 0xff), (int)((ip)->addr >> 24)
esp_err_t esp_netif_init(void);
