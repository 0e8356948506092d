#pragma once
#include <stddef.h>
#include <stdint.h>
typedef enum { AFE_TYPE_SR, AFE_TYPE_VC, AFE_TYPE_VC_8K, AFE_TYPE_FD } afe_type_t;
typedef enum { AFE_MODE_LOW_COST, AFE_MODE_HIGH_PERF } afe_mode_t;
typedef struct afe_aec_stub afe_aec_handle_t;
afe_aec_handle_t *afe_aec_create(const char *input_format, int filter_length, afe_type_t type, afe_mode_t mode);
size_t afe_aec_process(afe_aec_handle_t *handle, const int16_t *indata, int16_t *outdata);
int afe_aec_get_chunksize(afe_aec_handle_t *handle);
void afe_aec_destroy(afe_aec_handle_t *handle);
