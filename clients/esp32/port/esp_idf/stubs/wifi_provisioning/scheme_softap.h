#pragma once
#include "wifi_provisioning/manager.h"
extern const wifi_prov_scheme_t wifi_prov_scheme_softap;
void wifi_prov_scheme_softap_set_httpd_handle(void *handle);
