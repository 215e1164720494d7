// SPDX-License-Identifier: Apache-2.0
// A wire between a store and its server that can be cut or held at any byte. One connection at a time; a thread of its own.
#ifndef FDP_TESTS_STORAGE_PROXY_H
#define FDP_TESTS_STORAGE_PROXY_H

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "fixture.h"

enum { PROXY_NEVER = 1 << 30 };
enum { UP, DOWN }; // to the server, to the client

struct proxy {
    int listener, port;
    struct addrinfo *server;
    pthread_t thread;
    atomic_bool stop, refuse;
    // Bytes that still pass in each direction, and what happens then: held until there are more, or the connection is cut.
    atomic_int left[2];
    atomic_bool cut, held;
    atomic_int passed[2];
};

// Moves what may pass. False when the connection is over.
static inline bool proxy_move(struct proxy *proxy, int direction, int from, int to)
{
    char bytes[65536];
    int left = atomic_load(&proxy->left[direction]);
    ssize_t size = recv(from, bytes, (size_t)(left < (int)sizeof bytes ? left : (int)sizeof bytes), 0);
    if (size <= 0) return false;
    // Before they arrive, so that nobody who has seen them finds them not counted.
    atomic_fetch_add(&proxy->passed[direction], (int)size);
    if (left != PROXY_NEVER) atomic_fetch_sub(&proxy->left[direction], (int)size);
    for (ssize_t at = 0; at < size;) {
        ssize_t sent = send(to, bytes + at, (size_t)(size - at), MSG_NOSIGNAL);
        if (sent < 0) return false;
        at += sent;
    }
    return true;
}

static inline void proxy_serve(struct proxy *proxy, int client, int server)
{
    int ends[2] = {client, server};
    while (!atomic_load(&proxy->stop) && !atomic_load(&proxy->refuse)) {
        struct pollfd sockets[2] = {{.fd = client}, {.fd = server}};
        bool held = false;
        for (int i = 0; i < 2; i++) {
            bool open = atomic_load(&proxy->left[i]) > 0;
            if (!open && atomic_load(&proxy->cut)) return;
            sockets[i].events = open ? POLLIN : 0;
            held = held || !open;
        }
        atomic_store(&proxy->held, held);
        if (poll(sockets, 2, 5) < 0) return;
        for (int i = 0; i < 2; i++)
            if (sockets[i].events && (sockets[i].revents & (POLLIN | POLLHUP | POLLERR)) && !proxy_move(proxy, i, ends[i], ends[1 - i]))
                return;
    }
}

static inline void *proxy_main(void *context)
{
    struct proxy *proxy = context;
    while (!atomic_load(&proxy->stop)) {
        struct pollfd listener = {.fd = proxy->listener, .events = POLLIN};
        if (poll(&listener, 1, 5) <= 0) continue;
        int client = accept(proxy->listener, NULL, NULL), server = socket(proxy->server->ai_family, SOCK_STREAM, 0);
        if (!atomic_load(&proxy->refuse) && connect(server, proxy->server->ai_addr, proxy->server->ai_addrlen) == 0)
            proxy_serve(proxy, client, server);
        // Without a farewell: what has not been read yet is lost, as when a machine or a network goes.
        struct linger abrupt = {1, 0};
        setsockopt(client, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
        close(client);
        close(server);
    }
    return NULL;
}

static inline void proxy_free_pass(struct proxy *proxy)
{
    atomic_store(&proxy->left[UP], PROXY_NEVER);
    atomic_store(&proxy->left[DOWN], PROXY_NEVER);
    atomic_store(&proxy->passed[UP], 0);
    atomic_store(&proxy->passed[DOWN], 0);
}

static inline void proxy_start(struct proxy *proxy)
{
    memset(proxy, 0, sizeof *proxy);
    PGconn *conn = admin_open(fixture_server);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(PQhost(conn), PQport(conn), &hints, &proxy->server)) fail_msg("FDP_TEST_SINK must name a host, not a socket's folder");
    PQfinish(conn);
    proxy_free_pass(proxy);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(proxy->listener, 8), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &size), 0);
    proxy->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&proxy->thread, NULL, proxy_main, proxy), 0);
}

static inline void proxy_stop(struct proxy *proxy)
{
    atomic_store(&proxy->stop, true);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
    freeaddrinfo(proxy->server);
}

// Lets `bytes` more pass in one direction; then cuts the connection, or holds what comes.
static inline void proxy_arm(struct proxy *proxy, int direction, int bytes, bool cut)
{
    atomic_store(&proxy->cut, cut);
    atomic_store(&proxy->left[direction], bytes);
}

static inline void proxy_await_held(struct proxy *proxy)
{
    for (int64_t deadline_ns = clock_deadline_ms(10000); !atomic_load(&proxy->held);) {
        if (clock_mono_ns() > deadline_ns) fail_msg("nothing was held");
        clock_sleep_until(clock_deadline_ms(1));
    }
}

// The store's URL by way of the proxy.
static inline void proxy_url(const struct proxy *proxy, const struct store *store, char *out, size_t size)
{
    char option[96];
    snprintf(option, sizeof option, "host=127.0.0.1&port=%d&sslmode=disable&gssencmode=disable", proxy->port);
    url_with(out, size, store->url, option);
}

#endif
