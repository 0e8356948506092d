#include "wifi.h"

#include "button_light.h"
#include "esp_check.h"
#include "esp_event.h"
#include "esp_log.h"
#include "esp_mac.h"
#include "esp_netif.h"
#include "esp_wifi.h"
#include "freertos/FreeRTOS.h"
#include "freertos/event_groups.h"
#include "sdkconfig.h"
#include "setup_page.h"
#include "wifi_provisioning/manager.h"
#include "wifi_provisioning/scheme_softap.h"

#include <stdio.h>

#define HAS_NETWORK BIT0

static const char *tag = "wifi";
static EventGroupHandle_t state;

static void happened(void *nothing, esp_event_base_t base, int32_t event, void *payload) {
  (void)nothing;
  if (base == WIFI_EVENT && event == WIFI_EVENT_STA_START) {
    esp_wifi_connect();
  } else if (base == WIFI_EVENT && event == WIFI_EVENT_STA_DISCONNECTED) {
    xEventGroupClearBits(state, HAS_NETWORK);
    esp_wifi_connect(); /* as long as it takes: the conversation waits, and the light says so */
  } else if (base == IP_EVENT && event == IP_EVENT_STA_GOT_IP) {
    const ip_event_got_ip_t *got = payload;
    ESP_LOGI(tag, "joined, as " IPSTR, IP2STR(&got->ip_info.ip));
    xEventGroupSetBits(state, HAS_NETWORK);
  } else if (base == WIFI_PROV_EVENT && event == WIFI_PROV_CRED_FAIL) {
    ESP_LOGW(tag, "that network can't be joined: is the password right?");
    wifi_prov_mgr_reset_sm_state_on_failure(); /* it may be tried again, without beginning anew */
  } else if (base == WIFI_PROV_EVENT && event == WIFI_PROV_END) {
    setup_page_stop();
    wifi_prov_mgr_deinit();
  }
}

/* Open a network of our own, with the page, and Espressif's setup app as the other way. */
static esp_err_t set_up(void) {
  uint8_t mac[6] = {0};
  char name[32];
  ESP_RETURN_ON_ERROR(esp_read_mac(mac, ESP_MAC_WIFI_SOFTAP), tag, "no address");
  snprintf(name, sizeof name, "Parley-%02X%02X", mac[4], mac[5]);
  esp_netif_create_default_wifi_ap();
  ESP_RETURN_ON_ERROR(setup_page_start(), tag, "the setup page can't be served");
  wifi_prov_scheme_softap_set_httpd_handle(setup_page_server());
  const char *password = CONFIG_PARLEY_SETUP_PASSWORD;
  ESP_RETURN_ON_ERROR(wifi_prov_mgr_start_provisioning(WIFI_PROV_SECURITY_1, password, name, password), tag,
                      "it can't be set up: the setup password must have 8 letters or more");
  button_light_show_setup();
  ESP_LOGI(tag, "join the network %s with the setup password, and open http://192.168.4.1", name);
  return ESP_OK;
}

static esp_err_t join(void) {
  wifi_prov_mgr_deinit();
  ESP_RETURN_ON_ERROR(esp_wifi_set_mode(WIFI_MODE_STA), tag, "Wi-Fi does not start");
  return esp_wifi_start();
}

esp_err_t wifi_start(void) {
  state = xEventGroupCreate();
  ESP_RETURN_ON_FALSE(state, ESP_ERR_NO_MEM, tag, "too little memory");
  ESP_RETURN_ON_ERROR(esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, happened, NULL), tag, "events");
  ESP_RETURN_ON_ERROR(esp_event_handler_register(IP_EVENT, IP_EVENT_STA_GOT_IP, happened, NULL), tag, "events");
  ESP_RETURN_ON_ERROR(esp_event_handler_register(WIFI_PROV_EVENT, ESP_EVENT_ANY_ID, happened, NULL), tag, "events");
  esp_netif_create_default_wifi_sta();
  const wifi_init_config_t radio = WIFI_INIT_CONFIG_DEFAULT();
  ESP_RETURN_ON_ERROR(esp_wifi_init(&radio), tag, "Wi-Fi does not start");
  const wifi_prov_mgr_config_t way = {
      .scheme = wifi_prov_scheme_softap,
      .scheme_event_handler = WIFI_PROV_EVENT_HANDLER_NONE,
  };
  ESP_RETURN_ON_ERROR(wifi_prov_mgr_init(way), tag, "setting up does not start");
  bool is_known = false;
  ESP_RETURN_ON_ERROR(wifi_prov_mgr_is_provisioned(&is_known), tag, "the store can't be read");
  return is_known ? join() : set_up();
}

bool wifi_is_joined(void) {
  return xEventGroupGetBits(state) & HAS_NETWORK;
}

void wifi_forget(void) {
  if (esp_wifi_restore() != ESP_OK) ESP_LOGW(tag, "the network that was joined can't be forgotten");
}

void wifi_stay_awake(bool awake) {
  esp_wifi_set_ps(awake ? WIFI_PS_NONE : WIFI_PS_MIN_MODEM);
}
