// SPDX-License-Identifier: Apache-2.0
// Name lookup on a thread of its own.
#include "net/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolver {
    char host[256];
    void (*done)(void *context);
    void *context;
    pthread_mutex_t mutex;    // guards what follows
    bool answered, abandoned; // abandoned: freed by its user while the thread was at work; the thread frees it
    int failure;              // of getaddrinfo
    struct resolver_addresses addresses;
};

static void destroy(struct resolver *resolver)
{
    pthread_mutex_destroy(&resolver->mutex);
    free(resolver);
}

static int look_up(const char *host, struct resolver_addresses *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found;
    int failure = getaddrinfo(host, NULL, &hints, &found);
    if (failure) return failure;
    for (const struct addrinfo *at = found; at && out->count < RESOLVER_ADDRESSES_MAX; at = at->ai_next)
        if (!getnameinfo(at->ai_addr, at->ai_addrlen, out->items[out->count], RESOLVER_ADDRESS_BYTES, NULL, 0, NI_NUMERICHOST))
            out->count++;
    freeaddrinfo(found);
    return out->count ? 0 : EAI_NONAME;
}

static void *look_up_main(void *context)
{
    struct resolver *resolver = context;
    struct resolver_addresses addresses = {0};
    int failure = look_up(resolver->host, &addresses);
    pthread_mutex_lock(&resolver->mutex);
    resolver->failure = failure;
    resolver->addresses = addresses;
    resolver->answered = true;
    bool abandoned = resolver->abandoned;
    if (!abandoned) resolver->done(resolver->context);
    pthread_mutex_unlock(&resolver->mutex);
    if (abandoned) destroy(resolver);
    return NULL;
}

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

struct resolver *resolver_start(const char *host, void (*done)(void *context), void *context)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver) abort();
    pthread_mutex_init(&resolver->mutex, NULL);
    resolver->done = done;
    resolver->context = context;
    snprintf(resolver->host, sizeof resolver->host, "%s", host);
    if (is_address(host)) {
        resolver->answered = true;
        resolver->addresses.count = 1;
        snprintf(resolver->addresses.items[0], RESOLVER_ADDRESS_BYTES, "%.*s", RESOLVER_ADDRESS_BYTES - 1, host);
        return resolver;
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, look_up_main, resolver)) {
        resolver->answered = true;
        resolver->failure = EAI_MEMORY;
    } else {
        pthread_detach(thread);
    }
    return resolver;
}

enum status resolver_result(struct resolver *resolver, struct resolver_addresses *out, enum err_code code, struct err *err)
{
    pthread_mutex_lock(&resolver->mutex);
    bool answered = resolver->answered;
    int failure = resolver->failure;
    if (answered) *out = resolver->addresses;
    pthread_mutex_unlock(&resolver->mutex);
    if (!answered) return AGAIN;
    return failure ? err_set(err, RETRY, code, "cannot find the host %s: %s", resolver->host, gai_strerror(failure)) : OK;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver) return;
    pthread_mutex_lock(&resolver->mutex);
    bool answered = resolver->answered;
    resolver->abandoned = true;
    pthread_mutex_unlock(&resolver->mutex);
    if (answered) destroy(resolver);
}
