/* SHA-1 and base64, for the one place where WebSocket's handshake wants them. Neither protects anything here. */
#ifndef PARLEY_POSIX_DIGEST_H
#define PARLEY_POSIX_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_BYTES 20

/* Digest `size` bytes. */
void sha1(const void *data, size_t size, uint8_t digest[SHA1_BYTES]);

/* Write `size` bytes as base64 and a closing 0; `text` holds BASE64_CHARS(size). */
#define BASE64_CHARS(size) (((size) + 2) / 3 * 4 + 1)
void base64(const uint8_t *data, size_t size, char *text);

#endif
