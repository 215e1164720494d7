// SPDX-License-Identifier: Apache-2.0
// A list in the order in which something last came of a connection, and a thread that looks for the overdue ones.
#include "net/http_connections.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/wait.h"

struct http_connection {
    struct http_connections *all;
    struct http_connection *next, *previous; // in the list, while the client is waited for
    bool waited_for;
    int fd; // -1: shut down
    int64_t due_ns;
};

struct http_connections {
    struct http_connections_params params;
    pthread_t thread;
    pthread_mutex_t mutex; // guards all that follows, and the connections
    pthread_cond_t sooner; // something is due before wake_ns, or it is time to stop
    struct http_connection *oldest, *newest;
    unsigned open; // connections that were not shut down
    int64_t wake_ns;
    bool stop;
};

static void leave(struct http_connection *connection)
{
    struct http_connections *all = connection->all;
    if (!connection->waited_for) return;
    connection->waited_for = false;
    *(connection->previous ? &connection->previous->next : &all->oldest) = connection->next;
    *(connection->next ? &connection->next->previous : &all->newest) = connection->previous;
}

static void set_due(struct http_connection *connection, int64_t due_ns)
{
    connection->due_ns = due_ns;
    if (due_ns < connection->all->wake_ns) pthread_cond_signal(&connection->all->sooner);
}

// Puts it behind all others, due after so long.
static void wait_for(struct http_connection *connection, int64_t ns)
{
    struct http_connections *all = connection->all;
    leave(connection);
    if (connection->fd < 0) return;
    connection->waited_for = true;
    connection->next = NULL;
    connection->previous = all->newest;
    *(all->newest ? &all->newest->next : &all->oldest) = connection;
    all->newest = connection;
    set_due(connection, clock_mono_ns() + ns);
}

static void shut_down(struct http_connection *connection)
{
    leave(connection);
    shutdown(connection->fd, SHUT_RDWR);
    connection->fd = -1;
    connection->all->open--;
}

// Shuts down what is overdue; returns when the next one will be.
static int64_t sweep(struct http_connections *all)
{
    int64_t now = clock_mono_ns(), next_ns = INT64_MAX;
    for (struct http_connection *connection = all->oldest, *next; connection; connection = next) {
        next = connection->next;
        if (connection->due_ns <= now)
            shut_down(connection);
        else if (connection->due_ns < next_ns)
            next_ns = connection->due_ns;
    }
    return next_ns;
}

static void *look_at_the_clock(void *context)
{
    struct http_connections *all = context;
    pthread_setname_np(pthread_self(), "fdp-http-limits");
    pthread_mutex_lock(&all->mutex);
    while (!all->stop) {
        all->wake_ns = sweep(all);
        wait_condition(&all->sooner, &all->mutex, all->wake_ns);
    }
    pthread_mutex_unlock(&all->mutex);
    return NULL;
}

struct http_connection *http_connection_opened(struct http_connections *connections, int fd)
{
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (!connection) abort();
    *connection = (struct http_connection){.all = connections, .fd = fd};
    pthread_mutex_lock(&connections->mutex);
    wait_for(connection, connections->params.request_ns);
    // At worst it is the newcomer itself, when the server works for all others.
    if (++connections->open > connections->params.max) shut_down(connections->oldest);
    pthread_mutex_unlock(&connections->mutex);
    return connection;
}

void http_connection_closed(struct http_connection *connection)
{
    struct http_connections *all = connection->all;
    pthread_mutex_lock(&all->mutex);
    leave(connection);
    if (connection->fd >= 0) all->open--;
    pthread_mutex_unlock(&all->mutex);
    free(connection);
}

void http_connection_begun(struct http_connection *connection)
{
    struct http_connections *all = connection->all;
    pthread_mutex_lock(&all->mutex);
    int64_t due_ns = clock_mono_ns() + all->params.request_ns;
    if (connection->waited_for && due_ns < connection->due_ns) set_due(connection, due_ns);
    pthread_mutex_unlock(&all->mutex);
}

void http_connection_whole(struct http_connection *connection)
{
    pthread_mutex_lock(&connection->all->mutex);
    leave(connection);
    pthread_mutex_unlock(&connection->all->mutex);
}

void http_connection_answered(struct http_connection *connection)
{
    pthread_mutex_lock(&connection->all->mutex);
    wait_for(connection, connection->all->params.idle_ns);
    pthread_mutex_unlock(&connection->all->mutex);
}

static void connections_free(struct http_connections *connections)
{
    pthread_cond_destroy(&connections->sooner);
    pthread_mutex_destroy(&connections->mutex);
    free(connections);
}

struct http_connections *http_connections_new(const struct http_connections_params *params)
{
    struct http_connections *connections = calloc(1, sizeof *connections);
    if (!connections) abort();
    connections->params = *params;
    pthread_mutex_init(&connections->mutex, NULL);
    pthread_cond_init(&connections->sooner, NULL);
    if (!pthread_create(&connections->thread, NULL, look_at_the_clock, connections)) return connections;
    connections_free(connections);
    return NULL;
}

void http_connections_free(struct http_connections *connections)
{
    if (!connections) return;
    pthread_mutex_lock(&connections->mutex);
    connections->stop = true;
    pthread_cond_signal(&connections->sooner);
    pthread_mutex_unlock(&connections->mutex);
    pthread_join(connections->thread, NULL);
    connections_free(connections);
}
