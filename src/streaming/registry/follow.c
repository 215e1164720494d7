// SPDX-License-Identifier: Apache-2.0
// Reading _schemas, and asking the stream now and then where its end is.
#include "streaming/registry/follow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/wait.h"

enum {
    POLL_MS = 1000,     // how often the loop turns at least, and how often the stream is asked whether it is there
    PAUSE_MS = 100,     // after a poll that failed
    RECONNECT_MS = 500, // between two attempts to begin
    ALIVE_MS = 60000,   // it is stuck when it has not turned for so long; a stream that does not answer holds it up for less
    BATCH_ROWS = 256,
    KEY_BYTES = 200, // of a record's key in the log
};

// What may be wrong: the thread has given up, for good; the stream does not answer questions; it gives no records.
enum trouble { GIVEN_UP, ASKING, READING, TROUBLES };

struct registry_follower {
    struct registry_follower_params params;
    struct metric *skipped, *refused, *subjects, *schemas; // NULL without metrics
    struct registry_asker *asker;
    struct stream *stream; // of the thread, but for ops and wake
    struct batch *batch;   // of the thread
    int64_t probe_ns;      // of the thread: when to ask again whether the stream answers
    pthread_t thread;
    bool running;
    _Atomic int64_t turned_ns;

    pthread_mutex_t mutex; // guards what is below
    pthread_cond_t moved;
    bool halted;
    bool absent;                   // there is no topic: read only
    bool replayed;                 // the state has what the topic had at the start
    struct err troubles[TROUBLES]; // those with a status other than OK are there
    bool said;                     // that there is trouble
    int64_t applied;               // offset after the last record that the state has
    int64_t first_end;             // of the topic at the start
};

// --- What others see of it

// The mutex is held. False at the deadline.
static bool wait_until(struct registry_follower *self, int64_t deadline_ns)
{
    return wait_condition(&self->moved, &self->mutex, deadline_ns);
}

static void pause_for(struct registry_follower *self, int64_t ms)
{
    int64_t deadline_ns = clock_deadline_ms(ms);
    pthread_mutex_lock(&self->mutex);
    while (!self->halted && wait_until(self, deadline_ns)) continue;
    pthread_mutex_unlock(&self->mutex);
}

static bool halted(struct registry_follower *self)
{
    pthread_mutex_lock(&self->mutex);
    bool halted = self->halted;
    pthread_mutex_unlock(&self->mutex);
    return halted;
}

// The mutex is held. What is wrong with the stream, or NULL.
static const struct err *trouble_of(const struct registry_follower *self)
{
    for (int i = 0; i < TROUBLES; i++)
        if (self->troubles[i].status != OK) return &self->troubles[i];
    return NULL;
}

// Keeps what is wrong, or that nothing is, and says it once.
static void note(struct registry_follower *self, enum trouble trouble, enum status status, const struct err *err)
{
    pthread_mutex_lock(&self->mutex);
    if (status != OK) self->troubles[trouble] = *err;
    self->troubles[trouble].status = status == OK ? OK : RETRY;
    bool troubled = trouble_of(self) != NULL, say = troubled != self->said;
    self->said = troubled;
    if (say) pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->mutex);
    if (!say) return;
    if (troubled)
        log_err(self->params.log, LOG_WARN, "registry", "the stream of " REGISTRY_TOPIC " does not answer; trying again", err);
    else
        log_info(self->params.log, "registry", "the stream of " REGISTRY_TOPIC " answers again");
}

static void give_up(struct registry_follower *self, const struct err *err)
{
    pthread_mutex_lock(&self->mutex);
    self->troubles[GIVEN_UP] = *err;
    self->troubles[GIVEN_UP].status = FATAL;
    bool replayed = self->replayed;
    self->said = true;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->mutex);
    // Before that whoever starts the registry says it.
    if (replayed) log_err(self->params.log, LOG_ERROR, "registry", "cannot follow " REGISTRY_TOPIC "; what is known is still served", err);
}

// --- Applying

static void count_state(struct registry_follower *self)
{
    if (!self->params.metrics) return;
    struct registry_state *state = self->params.state;
    registry_state_lock(state);
    uint32_t live = 0;
    for (uint32_t i = 0; i < registry_state_subject_count(state); i++)
        live += registry_subject_latest(registry_state_subject_at(state, i), false) != NULL;
    metric_set(self->subjects, live);
    metric_set(self->schemas, registry_state_schema_count(state));
    registry_state_unlock(state);
}

static struct slice column_of(const struct batch *batch, enum record_column column, uint32_t row)
{
    return batch_is_null(batch, column, row) ? (struct slice){0} : batch->columns[column].text[row];
}

static void report(const struct registry_follower *self, enum registry_outcome outcome, struct slice key, int64_t offset)
{
    static const struct {
        enum log_level level;
        const char *message;
    } reports[] = {
        [REGISTRY_UNUSED] = {LOG_DEBUG, "a record of a kind that is not used was skipped"},
        [REGISTRY_MALFORMED] = {LOG_WARN, "a record that is not understood was skipped"},
        [REGISTRY_CONFLICT] = {LOG_ERROR, "an id was given twice: the record that came second is not served"},
        [REGISTRY_STALE] = {LOG_WARN, "a record of a writer whose turn was over was refused"},
    };
    char name[KEY_BYTES + 1];
    snprintf(name, sizeof name, "%.*s", key.size < KEY_BYTES ? (int)key.size : KEY_BYTES, key.size ? key.data : "");
    log_write(self->params.log, reports[outcome].level, "registry", reports[outcome].message, "offset", log_number(offset), "key", name,
              (const char *)0);
    if (!self->params.metrics) return;
    bool refused = outcome == REGISTRY_CONFLICT || outcome == REGISTRY_STALE;
    metric_add(refused ? self->refused : self->skipped, 1);
}

static void apply_batch(struct registry_follower *self)
{
    const struct batch *batch = self->batch;
    for (uint32_t row = 0; row < batch->rows; row++) {
        struct slice key = column_of(batch, RECORD_KEY, row), headers = column_of(batch, RECORD_HEADERS, row);
        struct registry_term term = registry_term_parse(record_header(headers, REGISTRY_TERM_HEADER));
        enum registry_outcome outcome = registry_state_apply(self->params.state, key, column_of(batch, RECORD_VALUE, row), term);
        if (outcome != REGISTRY_APPLIED) report(self, outcome, key, batch->offset[row]);
    }
    count_state(self);
}

// --- Reading

// Everything before this offset was read; there may be none between the last record and it.
static void advance(struct registry_follower *self)
{
    struct err ignored;
    int64_t offset = self->batch->rows ? self->batch->offset[self->batch->rows - 1] + 1 : 0, end;
    if (self->stream->ops->end(self->stream, REGISTRY_TOPIC, 0, &end, &ignored) == OK && end > offset) offset = end;
    pthread_mutex_lock(&self->mutex);
    bool moved = offset > self->applied;
    if (moved) self->applied = offset;
    self->replayed = self->applied >= self->first_end;
    if (moved) pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->mutex);
}

// Now and then, so that it is known whether the stream answers before somebody wants something of it. That a topic is not there any more
// may be the word of a broker that has just come up; reading will tell.
static void probe(struct registry_follower *self)
{
    struct err err;
    struct stream_watermarks marks;
    if (clock_mono_ns() < self->probe_ns) return;
    enum status status = registry_asker_ends(self->asker, clock_deadline_ms(POLL_MS), &marks, &err);
    self->probe_ns = clock_deadline_ms(POLL_MS);
    if (status != AGAIN) note(self, ASKING, status, &err); // else somebody else is asking
}

// One turn. FATAL when there can be no other.
static enum status turn(struct registry_follower *self, struct err *err)
{
    atomic_store(&self->turned_ns, clock_mono_ns());
    probe(self);
    batch_reset(self->batch);
    enum status status = self->stream->ops->poll(self->stream, self->batch, clock_deadline_ms(POLL_MS), err);
    if (status == OK) apply_batch(self);
    if (status == OK || status == AGAIN) {
        advance(self);
        note(self, READING, OK, NULL);
        return OK;
    }
    if (status != RETRY) {
        struct err why = *err;
        err_set(err, FATAL, ERR_REGISTRY,
                "%s; a registry that is started now may find less than this one still serves: keep a copy of what fdp schemas list and fdp"
                " schemas show give with --set streaming.registry.url= and the address of this one, before it is started anew",
                why.text);
        return FATAL;
    }
    note(self, READING, RETRY, err);
    pause_for(self, PAUSE_MS);
    return OK;
}

// --- Beginning

static enum status begin(struct registry_follower *self, struct err *err)
{
    struct stream_watermarks marks = {0};
    bool absent;
    TRY(registry_asker_prepare(self->asker, &absent, err));
    if (!absent) {
        TRY(registry_asker_ends(self->asker, INT64_MAX, &marks, err));
        TRY(self->stream->ops->seek(self->stream, REGISTRY_TOPIC, 0, 0, marks.low, err));
    }
    pthread_mutex_lock(&self->mutex);
    self->absent = absent;
    self->applied = marks.low;
    self->first_end = marks.high;
    self->replayed = marks.low == marks.high;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->mutex);
    self->probe_ns = clock_deadline_ms(POLL_MS);
    note(self, ASKING, OK, NULL);
    count_state(self);
    return OK;
}

// Tries until the topic can be read. False when it will not be: halted, or something is wrong with it that was so from the start.
static bool connect(struct registry_follower *self)
{
    struct err err;
    for (bool first = true; !halted(self); first = false) {
        atomic_store(&self->turned_ns, clock_mono_ns());
        enum status status = begin(self, &err);
        if (status == OK) return true;
        if (status == FATAL && first) {
            give_up(self, &err);
            return false;
        }
        note(self, ASKING, status, &err);
        pause_for(self, RECONNECT_MS);
    }
    return false;
}

static void *follow(void *context)
{
    struct registry_follower *self = context;
    struct err err;
    pthread_setname_np(pthread_self(), "fdp-registry");
    if (!connect(self)) return NULL;
    if (self->absent) return NULL;
    while (!halted(self)) {
        if (turn(self, &err) == OK) continue;
        give_up(self, &err);
        break;
    }
    return NULL;
}

// --- Starting and stopping

static void make_metrics(struct registry_follower *self)
{
    struct metric_registry *metrics = self->params.metrics;
    if (!metrics) return;
    self->skipped =
        metric_counter(metrics, "fdp_registry_skipped_records_total", NULL, "Records of " REGISTRY_TOPIC " that were not understood");
    self->refused = metric_counter(metrics, "fdp_registry_refused_records_total", NULL,
                                   "Records of " REGISTRY_TOPIC " that gave an id twice or came from a writer whose turn was over");
    self->subjects = metric_gauge(metrics, "fdp_registry_subjects", NULL, "Subjects with a version that is not deleted");
    self->schemas = metric_gauge(metrics, "fdp_registry_schemas", NULL, "Schemas that a version has");
}

enum status registry_follower_start(struct registry_follower **out, const struct registry_follower_params *params, struct err *err)
{
    struct stream_params stream_params = {params->config, params->log, params->metrics, params->read_only};
    struct stream *stream;
    struct registry_asker *asker;
    TRY(registry_asker_open(&asker, params->open, &stream_params, err));
    enum status status = params->open(&stream, &stream_params, err);
    if (status != OK) {
        registry_asker_close(asker);
        return status;
    }
    struct registry_follower *self = memory_new(1, sizeof *self);
    self->params = *params;
    self->asker = asker;
    self->stream = stream;
    self->batch = batch_new(&record_row_type, BATCH_ROWS);
    self->turned_ns = clock_mono_ns();
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->moved, NULL);
    make_metrics(self);
    self->running = !pthread_create(&self->thread, NULL, follow, self);
    *out = self;
    if (self->running) return OK;
    registry_follower_free(self);
    *out = NULL;
    return err_set(err, FATAL, ERR_REGISTRY, "cannot start a thread; raise the limit on processes");
}

void registry_follower_halt(struct registry_follower *self)
{
    pthread_mutex_lock(&self->mutex);
    self->halted = true;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->mutex);
    self->stream->ops->wake(self->stream);
}

void registry_follower_free(struct registry_follower *self)
{
    if (!self) return;
    registry_follower_halt(self);
    if (self->running) pthread_join(self->thread, NULL);
    stream_close(self->stream);
    registry_asker_close(self->asker);
    batch_free(self->batch);
    pthread_cond_destroy(&self->moved);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

// --- Waiting for it

// The mutex is held. Gives what is wrong with the stream, if anything.
static enum status stream_state(const struct registry_follower *self, struct err *err)
{
    const struct err *trouble = trouble_of(self);
    if (!trouble) return OK;
    *err = *trouble;
    return err->status;
}

// The mutex is held. Whether the state may be served.
static enum status reading_state(const struct registry_follower *self, struct err *err)
{
    if (self->replayed) return OK;
    TRY(stream_state(self, err));
    return err_set(err, AGAIN, ERR_REGISTRY, REGISTRY_TOPIC " is being read: offset %lld of %lld", (long long)self->applied,
                   (long long)self->first_end);
}

enum status registry_follower_replayed(struct registry_follower *self, struct err *err)
{
    pthread_mutex_lock(&self->mutex);
    enum status status = reading_state(self, err);
    pthread_mutex_unlock(&self->mutex);
    return status;
}

enum status registry_follower_ready(struct registry_follower *self, struct err *err)
{
    pthread_mutex_lock(&self->mutex);
    enum status status = reading_state(self, err);
    if (status == OK) status = stream_state(self, err);
    pthread_mutex_unlock(&self->mutex);
    return status;
}

bool registry_follower_alive(const struct registry_follower *self)
{
    return clock_mono_ns() - atomic_load(&self->turned_ns) < ALIVE_MS * MS_NS;
}

bool registry_follower_shares(const struct registry_follower *self)
{
    return self->stream->ops->shares;
}

enum status registry_follower_wait(struct registry_follower *self, int64_t step_ms, struct err *err)
{
    int64_t seen = -1, deadline_ns = 0;
    pthread_mutex_lock(&self->mutex);
    enum status status;
    while ((status = reading_state(self, err)) == AGAIN) {
        if (self->applied != seen) deadline_ns = clock_deadline_ms(step_ms);
        seen = self->applied;
        if (!self->halted && wait_until(self, deadline_ns)) continue;
        status = err_set(err, RETRY, ERR_REGISTRY,
                         REGISTRY_TOPIC " could not be read to its end, offset %lld: nothing came for %lld ms after offset %lld",
                         (long long)self->first_end, (long long)step_ms, (long long)self->applied);
        break;
    }
    pthread_mutex_unlock(&self->mutex);
    return status;
}

// The mutex is held, and let go for a moment: the thread is to look where it stands, for the offsets that are missing may hold no record.
static void nudge(struct registry_follower *self)
{
    pthread_mutex_unlock(&self->mutex);
    self->stream->ops->wake(self->stream);
    pthread_mutex_lock(&self->mutex);
}

static enum status wait_applied(struct registry_follower *self, int64_t end, int64_t deadline_ns, struct err *err)
{
    enum status status;
    pthread_mutex_lock(&self->mutex);
    while ((status = stream_state(self, err)) == OK && self->applied < end) {
        int64_t nudge_ns = clock_deadline_ms(PAUSE_MS);
        if (self->halted || clock_mono_ns() >= deadline_ns) {
            status = err_set(err, RETRY, ERR_REGISTRY, "%s; try again",
                             self->halted ? "the registry is stopping" : REGISTRY_TOPIC " was not read to its end in the time there is");
            break;
        }
        if (!wait_until(self, nudge_ns < deadline_ns ? nudge_ns : deadline_ns)) nudge(self);
    }
    if (self->applied >= end) status = OK;
    pthread_mutex_unlock(&self->mutex);
    return status;
}

enum status registry_follower_catch_up(struct registry_follower *self, int64_t deadline_ns, struct err *err)
{
    struct stream_watermarks marks;
    enum status status = registry_follower_ready(self, err);
    if (status == AGAIN) return err_set(err, RETRY, ERR_REGISTRY, REGISTRY_TOPIC " is still being read; try again");
    if (status != OK || self->absent) return status;
    status = registry_asker_ends(self->asker, deadline_ns, &marks, err);
    if (status == AGAIN) return err_set(err, RETRY, ERR_REGISTRY, "the stream has not yet answered what was asked before; try again");
    note(self, ASKING, status, err);
    return status == OK ? wait_applied(self, marks.high, deadline_ns, err) : status;
}
