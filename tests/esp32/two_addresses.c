/* In getaddrinfo's place (LD_PRELOAD): every host has two addresses, 127.0.0.1 and 127.0.0.2, in this order. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>

int getaddrinfo(const char *host, const char *service, const struct addrinfo *wish, struct addrinfo **found) {
  static struct sockaddr_in addresses[2];
  static struct addrinfo list[2];
  (void)host, (void)wish;
  for (int i = 0; i < 2; i++) {
    addresses[i].sin_family = AF_INET;
    addresses[i].sin_port = htons((unsigned short)atoi(service));
    addresses[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned)i);
    list[i].ai_family = AF_INET;
    list[i].ai_socktype = SOCK_STREAM;
    list[i].ai_addr = (struct sockaddr *)&addresses[i];
    list[i].ai_addrlen = sizeof addresses[i];
  }
  list[0].ai_next = &list[1];
  *found = list;
  return 0;
}

void freeaddrinfo(struct addrinfo *list) { (void)list; }
