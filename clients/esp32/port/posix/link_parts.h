/* What the two halves of the link share. */
#ifndef PARLEY_POSIX_LINK_PARTS_H
#define PARLEY_POSIX_LINK_PARTS_H

#include "link.h"

/* Tell epoll what is waited for: nothing is read while the core has no room. */
void link_watch(net_link *link);
/* Likewise, of a socket that epoll does not know yet. */
void link_watch_new(net_link *link);
/* Close it and forget what it held; nobody is told. */
void link_put_away(net_link *link);
/* The connection is gone by no doing of the core's, which is told. */
void link_lose(net_link *link, const char *why);
/* Put a frame where the socket takes it from; false: there is no room, and nothing was put there. */
bool link_queue(net_link *link, ws_kind kind, const uint8_t *bytes, size_t size);
/* Give the socket what it takes. False: the connection is lost, which is told elsewhere. */
bool link_write_out(net_link *link);
/* Close with a code, and say why. */
void link_part(net_link *link, uint16_t code, const char *why);

#endif
