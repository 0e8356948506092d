#include "handshake.h"

#include "digest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONVERSE "/v1/converse"
#define PROTOCOL "parley.v1"
static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static bool wrong(char reason[REASON_CHARS], const char *url) {
  snprintf(reason, REASON_CHARS, "%.80s is not an address: write ws://HOST:PORT or wss://HOST.", url);
  return false;
}

static bool port_of(const char *text, size_t size, uint16_t *port) {
  if (size == 0 || size > 5) return false;
  unsigned long value = 0;
  for (size_t i = 0; i < size; i++) {
    if (!isdigit((unsigned char)text[i])) return false;
    value = value * 10 + (unsigned long)(text[i] - '0');
  }
  if (value == 0 || value > UINT16_MAX) return false;
    *port = (uint16_t)value;
  return true;
}

static bool is_plain(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (!isgraph((unsigned char)text[i])) return false;
  return true;
}

bool address_parse(const char *url, ws_address *address, char reason[REASON_CHARS]) {
  memset(address, 0, sizeof *address);
  const char *at = url;
  if (strncmp(at, "wss://", 6) == 0) {
    address->tls = true;
    at += 6;
  } else if (strncmp(at, "ws://", 5) == 0) {
    at += 5;
  } else {
    return wrong(reason, url);
  }
  address->port = address->tls ? 443 : 80;
  size_t authority = strcspn(at, "/?#");
  const char *path = at + authority;
  const char *host = at, *host_end = at + authority;
  if (*at == '[') { /* an IPv6 address */
    const char *close = memchr(at, ']', authority);
    if (!close) return wrong(reason, url);
    host = at + 1;
    host_end = close;
    at = close + 1;
  } else {
    const char *colon = memchr(at, ':', authority);
    if (colon) host_end = colon;
    at = host_end;
  }
  size_t host_size = (size_t)(host_end - host);
  if (host_size == 0 || host_size >= sizeof address->host || !is_plain(host, host_size)) return wrong(reason, url);
  memcpy(address->host, host, host_size);
  if (at < path && (*at != ':' || !port_of(at + 1, (size_t)(path - at - 1), &address->port))) return wrong(reason, url);
  if (*path && *path != '/') return wrong(reason, url);
  const char *wanted = path[0] == '\0' || strcmp(path, "/") == 0 ? CONVERSE : path;
  if (strlen(wanted) >= sizeof address->path || !is_plain(wanted, strlen(wanted)) || strpbrk(wanted, "?#"))
    return wrong(reason, url);
  memcpy(address->path, wanted, strlen(wanted) + 1);
  return true;
}

size_t handshake_request(char *out, size_t capacity, const ws_address *address, const uint8_t nonce[NONCE_BYTES]) {
  char key[BASE64_CHARS(NONCE_BYTES)];
  base64(nonce, NONCE_BYTES, key);
  bool ipv6 = strchr(address->host, ':') != NULL;
  int length = snprintf(out, capacity,
                          "GET %s HTTP/1.1\r\n"
                          "Host: %s%s%s:%u\r\n"
                          "Upgrade: websocket\r\n"
                          "Connection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\n"
                          "Sec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Protocol: " PROTOCOL "\r\n\r\n",
                          address->path, ipv6 ? "[" : "", address->host, ipv6 ? "]" : "", address->port, key);
  return length > 0 && (size_t)length < capacity ? (size_t)length : 0;
}

/* Find a header's value within the head; returns its length, with blanks cut off, or 0. */
static size_t header(const char *head, size_t size, const char *name, const char **value) {
  size_t name_size = strlen(name);
  const char *line = head, *end = head + size;
  while (line < end) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    if (!stop) stop = end;
    if ((size_t)(stop - line) > name_size && line[name_size] == ':' && strncasecmp(line, name, name_size) == 0) {
      const char *from = line + name_size + 1, *to = stop;
      while (from < to && isspace((unsigned char)*from)) from++;
      while (to > from && isspace((unsigned char)to[-1])) to--;
            *value = from;
      return (size_t)(to - from);
    }
    line = stop + 1;
  }
  return 0;
}

static bool is(const char *value, size_t size, const char *wanted) {
  return size == strlen(wanted) && strncasecmp(value, wanted, size) == 0;
}

static bool accepted(const char *head, size_t size, const uint8_t nonce[NONCE_BYTES]) {
  char key[BASE64_CHARS(NONCE_BYTES) + sizeof guid];
  base64(nonce, NONCE_BYTES, key);
  memcpy(key + strlen(key), guid, sizeof guid);
  uint8_t digest[SHA1_BYTES];
  sha1(key, strlen(key), digest);
  char wanted[BASE64_CHARS(SHA1_BYTES)];
  base64(digest, SHA1_BYTES, wanted);
  const char *value = NULL;
  size_t length = header(head, size, "Sec-WebSocket-Accept", &value);
  return length == strlen(wanted) && memcmp(value, wanted, length) == 0;
}

/* Whether a header's value, a list with commas between, has this word. */
static bool has_word(const char *value, size_t size, const char *wanted) {
  for (const char *at = value, *end = value + size; at && at < end;) {
    const char *stop = memchr(at, ',', (size_t)(end - at)), *next = stop ? stop + 1 : end;
    if (!stop) stop = end;
    while (at < stop && isspace((unsigned char)*at)) at++;
    while (stop > at && isspace((unsigned char)stop[-1])) stop--;
    if (is(at, (size_t)(stop - at), wanted)) return true;
    at = next;
  }
  return false;
}

/* The status of "HTTP/1.1 101 …"; 0: the line is none. `size` bytes end with CR LF CR LF. */
static int status_of(const char *head, size_t size) {
  if (size < sizeof "HTTP/1.1 101" || !isdigit((unsigned char)head[7]) || head[8] != ' ') return 0;
  int status = 0;
  for (int i = 9; i < 12; i++) {
    if (!isdigit((unsigned char)head[i])) return 0;
    status = status * 10 + head[i] - '0';
  }
  return head[12] == ' ' || head[12] == '\r' ? status : 0;
}

/* What a server has to say besides 101 (RFC 6455, 4.1): that it upgrades, to what, and that it has read our key. */
static bool is_opened(const char *head, size_t size, const uint8_t nonce[NONCE_BYTES]) {
  const char *value = NULL;
  if (head[7] == '0') return false; /* HTTP/1.0 has no upgrades */
  size_t length = header(head, size, "Upgrade", &value);
  if (!is(value, length, "websocket")) return false;
  length = header(head, size, "Connection", &value);
  if (!has_word(value, length, "upgrade") || !accepted(head, size, nonce)) return false;
  if (header(head, size, "Sec-WebSocket-Extensions", &value)) return false; /* none was offered */
  length = header(head, size, "Sec-WebSocket-Protocol", &value);
  return !length || is(value, length, PROTOCOL);
}

/* Copy a line that a person may read: the first of the body, without its full stop. */
static void tell_body(ws_answer *answer, const char *body, size_t size) {
  size_t length = 0;
  while (length < size && length < REASON_CHARS - 1 && isprint((unsigned char)body[length])) length++;
  while (length && (body[length - 1] == '.' || body[length - 1] == ' ')) length--;
  if (length) snprintf(answer->reason, sizeof answer->reason, "%.*s", (int)length, body);
}

ws_answer handshake_answer(const char *bytes, size_t size, const uint8_t nonce[NONCE_BYTES], bool at_end) {
  ws_answer answer = {.kind = ANSWER_FOREIGN};
  snprintf(answer.reason, sizeof answer.reason, "what answers there does not speak WebSocket");
  static const char begins[] = "HTTP/1.";
  size_t known = size < sizeof begins - 1 ? size : sizeof begins - 1;
  if (memcmp(bytes, begins, known) != 0) return answer;
  const char *end = NULL;
  for (size_t i = 0; i + 4 <= size && !end; i++)
    if (memcmp(bytes + i, "\r\n\r\n", 4) == 0) end = bytes + i + 4;
  if (!end) {
    if (!at_end && size < HANDSHAKE_BYTES) answer.kind = ANSWER_MORE;
    return answer;
  }
  answer.used = (size_t)(end - bytes);
  answer.status = status_of(bytes, answer.used);
  if (!answer.status) return answer;
  if (answer.status == 101) {
    if (is_opened(bytes, answer.used, nonce)) answer.kind = ANSWER_OPEN;
    return answer;
  }
  const char *value = NULL;
  size_t length = header(bytes, answer.used, "Content-Length", &value);
  size_t body = length && length < 6 ? (size_t)strtoul(value, NULL, 10) : 0;
  if (!at_end && size - answer.used < body && size < HANDSHAKE_BYTES) { /* why, stands in the body */
    answer.kind = ANSWER_MORE;
    return answer;
  }
  snprintf(answer.reason, sizeof answer.reason, "it answers HTTP %d", answer.status);
  if (answer.status == 403 || answer.status == 503) {
    answer.kind = ANSWER_REFUSED;
    tell_body(&answer, end, size - answer.used);
  }
  return answer;
}
