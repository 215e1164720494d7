// SPDX-License-Identifier: Apache-2.0
// Appending to the embedded log: records wait packed in chunks per partition; flush stores all of them in one transaction.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "streaming/embedded.h"

static void target_clear(struct embedded_target *target)
{
    for (uint32_t i = 0; i < target->used; i++) chunk_writer_reset(&target->chunks[i]);
    target->used = 0;
}

static void target_fini(struct embedded_target *target)
{
    for (uint32_t i = 0; i < target->made; i++) chunk_writer_fini(&target->chunks[i]);
    free(target->chunks);
}

// The chunk that takes the next record.
static struct chunk_writer *target_chunk(struct embedded_target *target)
{
    if (target->used && !chunk_writer_closed(&target->chunks[target->used - 1])) return &target->chunks[target->used - 1];
    if (target->used == target->made) {
        struct chunk_writer *chunks = realloc(target->chunks, (target->made + 1) * sizeof *chunks);
        if (!chunks) abort();
        target->chunks = chunks;
        chunk_writer_init(&chunks[target->made++]);
    }
    return &target->chunks[target->used++];
}

static void topic_fini(struct embedded_topic *topic)
{
    for (uint32_t i = 0; i < topic->count; i++) target_fini(&topic->targets[i]);
    free(topic->targets);
}

void embedded_append_fini(struct embedded *log)
{
    for (uint32_t i = 0; i < log->topic_count; i++) topic_fini(&log->topics[i]);
    free(log->topics);
    log->topics = NULL;
    log->topic_count = 0;
}

static void forget_pending(struct embedded *log)
{
    for (uint32_t i = 0; i < log->topic_count; i++) {
        for (uint32_t j = 0; j < log->topics[i].count; j++) target_clear(&log->topics[i].targets[j]);
        log->topics[i].pending = 0;
    }
    log->pending_bytes = 0;
}

static enum status list_targets(struct embedded *log, struct embedded_topic *topic, struct err *err)
{
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_PARTITION_LIST);
    sqlite3_bind_int64(statement, 1, topic->id);
    bool row = true;
    for (uint32_t i = 0; i < topic->count && row; i++) {
        TRY(embedded_row(log, statement, &row, "look for a partition", err));
        if (row) topic->targets[i].id = sqlite3_column_int64(statement, 0);
    }
    sqlite3_reset(statement);
    if (row) return OK;
    return err_set(err, FATAL, ERR_STREAM, "the log in %s is damaged: the topic \"%s\" misses partitions", log->folder, topic->name);
}

// The topic among those that this handle appends to; looked up in the log the first time.
static enum status topic_get(struct embedded *log, const char *name, struct embedded_topic **out, struct err *err)
{
    for (uint32_t i = 0; i < log->topic_count; i++) {
        *out = &log->topics[i];
        if (!strcmp(log->topics[i].name, name)) return OK;
    }
    struct embedded_topic topic = {0};
    int32_t count;
    TRY(embedded_topic_find(log, name, &topic.id, &count, err));
    snprintf(topic.name, sizeof topic.name, "%s", name);
    topic.count = (uint32_t)count;
    topic.targets = calloc(topic.count, sizeof *topic.targets);
    if (!topic.targets) abort();
    enum status status = list_targets(log, &topic, err);
    if (status != OK) {
        topic_fini(&topic);
        return status;
    }
    if (log->metrics) {
        char labels[STREAM_TOPIC_MAX + 16];
        snprintf(labels, sizeof labels, "topic=\"%s\"", topic.name);
        topic.appended = metric_counter(log->metrics, "fdp_stream_appended_records_total", labels, "Records made durable in the stream");
    }
    struct embedded_topic *topics = realloc(log->topics, (log->topic_count + 1) * sizeof *topics);
    if (!topics) abort();
    log->topics = topics;
    *out = &topics[log->topic_count++];
    **out = topic;
    return OK;
}

// Looks before anything is added: too large a record leaves nothing of its batch behind.
static enum status check_sizes(const char *topic, const struct batch *batch, struct err *err)
{
    for (uint32_t row = 0; row < batch->rows; row++) {
        size_t size = 0;
        for (uint32_t i = 0; i < RECORD_TIMESTAMP; i++)
            if (!batch_is_null(batch, i, row)) size += batch->columns[i].text[row].size;
        if (size > BUF_MAX_RECORD)
            return err_set(err, REJECT, ERR_STREAM, "a record of %zu bytes is too large for the topic \"%s\": at most %d", size, topic,
                           BUF_MAX_RECORD);
    }
    return OK;
}

static enum status add_record(struct embedded *log, struct embedded_topic *topic, const struct batch *batch, uint32_t row, struct err *err)
{
    struct chunk_record record;
    for (uint32_t i = 0; i < RECORD_TIMESTAMP; i++) {
        record.null[i] = batch_is_null(batch, i, row);
        if (record.null[i]) continue;
        record.field[i] = batch->columns[i].text[row];
        log->pending_bytes += record.field[i].size;
    }
    record.timestamp_us = batch_is_null(batch, RECORD_TIMESTAMP, row) ? clock_now_us() : batch->columns[RECORD_TIMESTAMP].int64[row];
    if (log->pending_bytes > EMBEDDED_PENDING_BYTES)
        return err_set(err, RETRY, ERR_STREAM, "more than %d bytes wait for a flush of the log; append less between two flushes",
                       EMBEDDED_PENDING_BYTES);
    uint32_t partition = topic->turn;
    if (!record.null[RECORD_KEY]) partition = (uint32_t)record_partition(record.field[RECORD_KEY], (int32_t)topic->count);
    chunk_writer_add(target_chunk(&topic->targets[partition]), &record);
    topic->pending++;
    return OK;
}

enum status embedded_append(struct stream *stream, const char *topic_name, const struct batch *records, struct err *err)
{
    struct embedded *log = embedded_of(stream);
    TRY(check_sizes(topic_name, records, err));
    struct embedded_topic *topic = NULL;
    enum status status = topic_get(log, topic_name, &topic, err);
    for (uint32_t row = 0; row < records->rows && status == OK; row++) status = add_record(log, topic, records, row, err);
    if (status != OK) {
        forget_pending(log);
        return status;
    }
    // Records without a key stay together, and the next call's go elsewhere.
    topic->turn = (topic->turn + 1) % topic->count;
    return OK;
}

// Inside the write transaction: gives the chunks of one partition their offsets.
static enum status store(struct embedded *log, const struct embedded_topic *topic, const struct embedded_target *target, struct err *err)
{
    struct embedded_partition state;
    TRY(embedded_partition_get(log, target->id, topic->name, &state, err));
    for (uint32_t i = 0; i < target->used; i++) {
        const struct chunk_writer *chunk = &target->chunks[i];
        if (state.next > EMBEDDED_OFFSET_MAX - chunk->records)
            return err_set(err, FATAL, ERR_STREAM, "the topic \"%s\" has used up its offsets; go on with another topic", topic->name);
        if (chunk->newest_us > state.peak_us) state.peak_us = chunk->newest_us;
        sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_CHUNK_INSERT);
        sqlite3_bind_int64(statement, 1, embedded_chunk_id(target->id, state.next));
        sqlite3_bind_int64(statement, 2, chunk->records);
        sqlite3_bind_int64(statement, 3, chunk->base_us);
        sqlite3_bind_int64(statement, 4, chunk->newest_us);
        sqlite3_bind_int64(statement, 5, state.peak_us);
        sqlite3_bind_blob64(statement, 6, chunk->data.data, chunk->data.size, SQLITE_STATIC);
        TRY(embedded_run(log, statement, "append to the log", err));
        state.next += chunk->records;
        state.bytes += (int64_t)chunk->data.size;
    }
    sqlite3_stmt *statement = embedded_statement(log, EMBEDDED_PARTITION_ADVANCE);
    sqlite3_bind_int64(statement, 1, state.id);
    sqlite3_bind_int64(statement, 2, state.next);
    sqlite3_bind_int64(statement, 3, state.bytes);
    sqlite3_bind_int64(statement, 4, state.peak_us);
    return embedded_run(log, statement, "append to the log", err);
}

static enum status store_all(struct embedded *log, struct err *err)
{
    for (uint32_t i = 0; i < log->topic_count; i++) {
        const struct embedded_topic *topic = &log->topics[i];
        for (uint32_t j = 0; j < topic->count && topic->pending; j++)
            if (topic->targets[j].used) TRY(store(log, topic, &topic->targets[j], err));
    }
    return OK;
}

// One transaction, which waits for other writers for a second at most: the deadline is not looked at.
enum status embedded_flush(struct stream *stream, int64_t deadline_ns, struct err *err)
{
    (void)deadline_ns;
    struct embedded *log = embedded_of(stream);
    uint64_t pending = 0;
    for (uint32_t i = 0; i < log->topic_count; i++) pending += log->topics[i].pending;
    if (!pending) return OK;

    int64_t started = clock_mono_ns();
    enum status status = embedded_begin(log, EMBEDDED_BEGIN_WRITE, "append to the log", err);
    if (status == OK) status = embedded_end(log, store_all(log, err), "append to the log", err);
    if (status == OK) {
        bell_ring(&log->bell);
        for (uint32_t i = 0; i < log->topic_count && log->metrics; i++) metric_add(log->topics[i].appended, log->topics[i].pending);
        if (log->flushes) metric_observe_ns(log->flushes, clock_mono_ns() - started);
    }
    forget_pending(log);
    if (status == AGAIN) {
        status = RETRY; // nothing of it is there: it has to be appended again
        if (err) err->status = status;
    }
    // A topic that was deleted may be there again with other partitions: look it up anew.
    if (status == FATAL) embedded_append_fini(log);
    return status;
}
