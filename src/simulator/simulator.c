// SPDX-License-Identifier: Apache-2.0
// The market's thread: ticks at their pace, to whoever has subscribed.
#include "simulator/simulator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "quote.pb-c.h"
#include "simulator/clients.h"
#include "simulator/market.h"
#include "simulator/replay.h"

static const char component[] = "simulator";

enum {
    INSTRUMENTS_DEFAULT = INSTRUMENTS_KNOWN,
    BURST_NS = 1000000, // ticks come in bursts at least that far apart
    CATCH_UP_PER_S = 4, // a second divided by it is how much of a delay is made up for; more is skipped
    REPLAY_BURST_ROWS = 2000,
    IDLE_NS = 1000000000,
    TURN_LIMIT_S = 10, // the thread is stuck when its loop has not turned for so long
};

// What was played last of a symbol.
struct played {
    char *text; // NULL: nothing yet
    size_t size;
};

// Set up by simulator_start; from then on the thread's, but for `stop` and what never changes.
struct simulator {
    const struct log *log;
    char url[300], hint[320];
    struct websocket_loop *loop;
    struct map symbols; // of the invented market
    struct market market;
    struct clients clients;
    const char *session_word;
    int64_t rate;

    struct replay *replay; // NULL: the market is invented
    double speed;
    const char **replay_symbols;
    struct played *last; // by symbol
    struct replay_row row;
    bool playing, row_waits;
    int64_t replay_began_ns, replay_began_ms;

    int64_t began_ns; // since when ticks are counted ...
    int64_t made;     // ... and how many there have been
    int64_t next_ns;  // no tick before
    uint32_t turn;    // whose tick is next, of the active ones
    struct metric *ticks, *skipped, *refused;
    uint64_t refused_counted;
    pthread_t thread;
    _Atomic int64_t turned_ns; // when the thread's loop last did
    atomic_bool stop;
};

static enum session current_session(const struct simulator *self)
{
    static const struct {
        const char *word;
        enum session session;
    } fixed[] = {{"pre", SESSION_PRE}, {"regular", SESSION_REGULAR}, {"post", SESSION_POST}, {"overnight", SESSION_OVERNIGHT}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!strcmp(self->session_word, fixed[i].word)) return fixed[i].session;
    return session_at(clock_now_us());
}

// --- The invented market ---

static bool market_snapshot(void *context, uint32_t instrument, struct frame *frame)
{
    struct simulator *self = context;
    market_frame(&self->market, instrument, current_session(self), frame);
    return true;
}

static void make_ticks(struct simulator *self, int64_t count)
{
    struct clients *clients = &self->clients;
    int64_t now_ms = clock_now_us() / 1000;
    bool whole_seconds = self->rate <= clients->active_count;
    enum session session = current_session(self);
    struct frame frame;
    for (int64_t i = 0; i < count; i++) {
        if (self->turn >= clients->active_count) self->turn = 0;
        uint32_t instrument = clients->active[self->turn++];
        market_tick(&self->market, instrument, now_ms, whole_seconds);
        market_frame(&self->market, instrument, session, &frame);
        clients_send(clients, instrument, &frame);
    }
    self->made += count;
    metric_add(self->ticks, (uint64_t)count);
}

// Makes what is due; returns when the next tick is.
static int64_t run_market(struct simulator *self, int64_t now)
{
    if (!self->clients.active_count) {
        self->began_ns = 0;
        return now + IDLE_NS;
    }
    if (now < self->next_ns) return self->next_ns;
    if (!self->began_ns) {
        self->began_ns = now;
        self->made = 0;
    }
    int64_t due = (int64_t)((double)(now - self->began_ns) * (double)self->rate / 1e9) - self->made, most = self->rate / CATCH_UP_PER_S + 1;
    if (due > most) {
        metric_add(self->skipped, (uint64_t)(due - most));
        self->made += due - most;
        due = most;
    }
    if (due > 0) make_ticks(self, due);
    int64_t next = self->began_ns + (int64_t)((double)(self->made + 1) * 1e9 / (double)self->rate);
    self->next_ns = next > now + BURST_NS ? next : now + BURST_NS;
    return self->next_ns;
}

// --- Replay ---

static bool replay_snapshot(void *context, uint32_t symbol, struct frame *frame)
{
    const struct simulator *self = context;
    const struct played *last = &self->last[symbol];
    if (!last->text) return false;
    memcpy(frame->text, last->text, last->size);
    frame->size = last->size;
    return true;
}

static void play(struct simulator *self)
{
    struct frame frame;
    struct played *last = &self->last[self->row.symbol];
    if (!frame_encode(&frame, self->row.quote)) abort(); // its length was checked when it was read
    char *text = realloc(last->text, frame.size);
    if (!text) abort();
    memcpy(text, frame.text, frame.size);
    *last = (struct played){text, frame.size};
    clients_send(&self->clients, self->row.symbol, &frame);
    metric_add(self->ticks, 1);
}

static void replay_read(struct simulator *self)
{
    struct err err;
    enum status status = replay_next(self->replay, &self->row, &err);
    self->row_waits = status == OK;
    if (status == OK) return;
    self->playing = false;
    if (status == AGAIN)
        log_info(self->log, component, "the replay has ended");
    else
        log_err(self->log, LOG_ERROR, component, "the replay was broken off", &err);
}

static int64_t row_due_ns(const struct simulator *self)
{
    return self->replay_began_ns + (int64_t)((double)(self->row.time_ms - self->replay_began_ms) * 1e6 / self->speed);
}

// The clock of a replay starts with the first subscription, so that nothing is played to an empty house; it waits for slow listeners.
static int64_t run_replay(struct simulator *self, int64_t now)
{
    if (self->replay_began_ns == 0 && self->clients.active_count) {
        self->playing = true;
        replay_read(self);
        self->replay_began_ns = now;
        self->replay_began_ms = self->row.time_ms;
    }
    for (int rows = 0; self->playing && self->row_waits && row_due_ns(self) <= now; rows++) {
        if (rows == REPLAY_BURST_ROWS || clients_are_behind(&self->clients)) return now + BURST_NS;
        play(self);
        replay_read(self);
    }
    if (!self->playing || !self->row_waits) return now + IDLE_NS;
    int64_t next = row_due_ns(self);
    return next > now + BURST_NS ? next : now + BURST_NS;
}

// --- Life ---

static void *simulator_main(void *context)
{
    struct simulator *self = context;
    pthread_setname_np(pthread_self(), "fdp-market");
    while (!atomic_load(&self->stop)) {
        int64_t now = clock_mono_ns();
        atomic_store(&self->turned_ns, now);
        websocket_loop_run(self->loop, self->replay ? run_replay(self, now) : run_market(self, now));
        uint64_t refused = websocket_refused(self->loop);
        metric_add(self->refused, refused - self->refused_counted);
        self->refused_counted = refused;
    }
    return NULL;
}

static enum status open_replay(struct simulator *self, const struct config *config, struct err *err)
{
    TRY(replay_open(&self->replay, config->simulator.replay, err));
    const struct map *symbols = replay_symbols(self->replay);
    self->speed = config->simulator.speed;
    self->clients.symbols = symbols;
    self->clients.snapshot = replay_snapshot;
    self->last = calloc(symbols->count, sizeof *self->last);
    self->replay_symbols = calloc(symbols->count, sizeof *self->replay_symbols);
    if (!self->last || !self->replay_symbols) abort();
    for (uint32_t i = 0; i < symbols->count; i++) self->replay_symbols[i] = symbols->names[i].data;
    return OK;
}

static void open_market(struct simulator *self, const struct config *config)
{
    uint32_t count = config->simulator.instruments ? (uint32_t)config->simulator.instruments : INSTRUMENTS_DEFAULT;
    market_init(&self->market, (uint64_t)config->simulator.seed, count, config->simulator.rate, clock_now_us() / 1000);
    map_init(&self->symbols, count);
    for (uint32_t i = 0; i < count; i++)
        if (map_add(&self->symbols, slice_of(self->market.symbols[i])) != i) abort(); // every name is given once
    self->clients.symbols = &self->symbols;
    self->clients.snapshot = market_snapshot;
}

static void write_url(struct simulator *self, const struct config *config, uint16_t port)
{
    const char *listen = config->simulator.listen, *colon = strrchr(listen, ':');
    int length = (int)(colon - listen);
    bool everywhere = !length || !strncmp(listen, "0.0.0.0:", 8) || !strncmp(listen, "[::]:", 5);
    snprintf(self->url, sizeof self->url, "%s://%.*s:%u/?version=2", *config->simulator.tls_certificate_file ? "wss" : "ws",
             everywhere ? 9 : length, everywhere ? "127.0.0.1" : listen, port);
}

static enum status listen_for_clients(struct simulator *self, const struct config *config, struct err *err)
{
    struct websocket_loop_params params = {
        .certificate_file = config->simulator.tls_certificate_file,
        .key_file = config->simulator.tls_key_file,
        .hint = self->hint,
        .message_max = CLIENT_MESSAGE_MAX,
        .queue_max = CLIENT_QUEUE_MAX,
        .code = ERR_FEED,
    };
    uint16_t port;
    TRY(websocket_loop_new(&self->loop, &params, err));
    if (websocket_listen(self->loop, config->simulator.listen, &clients_events, &self->clients, &port, err) != OK) {
        char why[ERR_TEXT_BYTES];
        snprintf(why, sizeof why, "%.900s", err->text);
        return err_set(err, err->status, err->code,
                       "%s; or choose another address: --set simulator.listen=HOST:PORT (port 0 takes a free one)", why);
    }
    write_url(self, config, port);
    snprintf(self->hint, sizeof self->hint, "connect with %s", self->url);
    return OK;
}

static void make_metrics(struct simulator *self, struct metric_registry *metrics)
{
    self->ticks = metric_counter(metrics, "fdp_simulator_ticks_total", NULL, "Ticks that the built-in market has made");
    self->skipped =
        metric_counter(metrics, "fdp_simulator_skipped_ticks_total", NULL, "Ticks left out because the machine could not keep up");
    self->refused = metric_counter(metrics, "fdp_simulator_refused_connections_total", NULL,
                                   "Connections refused: one too many, or another request than for a WebSocket");
    if (!self->replay)
        metric_set(
            metric_gauge(metrics, "fdp_simulator_target_ticks_per_second", NULL, "Ticks per second that the whole market is set to make"),
            (double)self->rate);
}

static void simulator_free(struct simulator *self)
{
    websocket_loop_free(self->loop);
    if (self->clients.subscribers) clients_fini(&self->clients);
    market_fini(&self->market);
    map_fini(&self->symbols);
    for (uint32_t i = 0; self->last && i < self->clients.symbols->count; i++) free(self->last[i].text);
    free(self->last);
    free(self->replay_symbols);
    replay_close(self->replay);
    free(self);
}

enum status simulator_start(struct simulator **out, const struct config *config, const struct log *log, struct metric_registry *metrics,
                            struct err *err)
{
    struct simulator *self = calloc(1, sizeof *self);
    if (!self) abort();
    self->log = log;
    self->session_word = config->simulator.session;
    self->rate = config->simulator.rate;
    self->clients = (struct clients){.slots = config->simulator.silent_cap ? CLIENT_SLOTS_CAPPED : CLIENT_SLOTS_MAX,
                                     .context = self,
                                     .log = log,
                                     .metrics = metrics,
                                     .random = (uint64_t)config->simulator.seed};
    atomic_store(&self->turned_ns, clock_mono_ns());
    enum status status = OK;
    if (*config->simulator.replay)
        status = open_replay(self, config, err);
    else
        open_market(self, config);
    if (status == OK) {
        clients_init(&self->clients);
        make_metrics(self, metrics);
        status = listen_for_clients(self, config, err);
    }
    if (status == OK && pthread_create(&self->thread, NULL, simulator_main, self))
        status = err_set(err, FATAL, ERR_FEED, "cannot start the market's thread");
    if (status != OK) {
        simulator_free(self);
        return err_context(err, "built-in market");
    }
    log_info(log, component, "listening", "url", self->url, "symbols", log_number(self->clients.symbols->count));
    *out = self;
    return OK;
}

const char *simulator_url(const struct simulator *simulator)
{
    return simulator->url;
}

bool simulator_ready(const struct simulator *simulator, const char **why)
{
    bool turns = clock_mono_ns() - atomic_load(&simulator->turned_ns) < TURN_LIMIT_S * SECOND_NS;
    *why = turns ? "" : "the market's loop has not turned for ten seconds";
    return turns;
}

void simulator_stop(struct simulator *simulator)
{
    if (!simulator) return;
    atomic_store(&simulator->stop, true);
    websocket_loop_wake(simulator->loop);
    pthread_join(simulator->thread, NULL);
    simulator_free(simulator);
}

uint32_t simulator_symbols(const struct simulator *simulator, const char *const **symbols)
{
    *symbols = simulator->replay ? simulator->replay_symbols : simulator->market.symbols;
    return simulator->clients.symbols->count;
}
