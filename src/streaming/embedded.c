// SPDX-License-Identifier: Apache-2.0
// The embedded log: a durable stream in one SQLite file (WAL, synchronous=FULL), shared by threads and processes.
#include "streaming/embedded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/database.h"

static const char *const statement_texts[EMBEDDED_STATEMENTS] = {
    [EMBEDDED_BEGIN_READ] = "BEGIN",
    [EMBEDDED_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [EMBEDDED_COMMIT] = "COMMIT",
    [EMBEDDED_ROLLBACK] = "ROLLBACK",
    [EMBEDDED_TOPIC_LIST] = "SELECT name, partitions, retention_ms, retention_bytes FROM topic ORDER BY name",
    [EMBEDDED_TOPIC_FIND] = "SELECT id, partitions FROM topic WHERE name = ?1",
    [EMBEDDED_TOPIC_INSERT] = "INSERT INTO topic (name, partitions, retention_ms, retention_bytes) VALUES (?1, ?2, ?3, ?4)",
    [EMBEDDED_TOPIC_UPDATE] =
        "UPDATE topic SET retention_ms = ?2, retention_bytes = ?3 WHERE id = ?1 AND (retention_ms, retention_bytes) != (?2, ?3)",
    [EMBEDDED_TOPIC_DELETE] = "DELETE FROM topic WHERE id = ?1",
    [EMBEDDED_PARTITION_INSERT] = "INSERT INTO partition (topic, number) VALUES (?1, ?2)",
    [EMBEDDED_PARTITION_LIST] = "SELECT id FROM partition WHERE topic = ?1 ORDER BY number",
    [EMBEDDED_PARTITION_GET] = "SELECT low_offset, next_offset, bytes, peak_us FROM partition WHERE id = ?1 AND topic IS NOT NULL",
    [EMBEDDED_PARTITION_ADVANCE] = "UPDATE partition SET next_offset = ?2, bytes = ?3, peak_us = ?4 WHERE id = ?1",
    [EMBEDDED_PARTITION_ORPHAN] = "UPDATE partition SET topic = NULL WHERE topic = ?1",
    [EMBEDDED_PARTITION_RETAIN] = "UPDATE partition SET low_offset = ?2, bytes = ?3 WHERE id = ?1",
    [EMBEDDED_PARTITION_ALL] =
        "SELECT p.id, p.bytes, t.retention_ms, t.retention_bytes FROM partition p LEFT JOIN topic t ON t.id = p.topic "
        "WHERE p.id > ?1 AND (t.id IS NULL OR t.retention_ms >= 0 OR t.retention_bytes >= 0) ORDER BY p.id LIMIT 1",
    [EMBEDDED_PARTITION_DELETE] = "DELETE FROM partition WHERE id = ?1",
    [EMBEDDED_CHUNK_INSERT] = "INSERT INTO chunk (id, records, base_us, newest_us, peak_us, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [EMBEDDED_CHUNK_SCAN] = "SELECT id, records, base_us, data FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id",
    [EMBEDDED_CHUNK_AT] = "SELECT id, records, peak_us FROM chunk WHERE id <= ?1 AND id >= ?2 ORDER BY id DESC LIMIT 1",
    [EMBEDDED_CHUNK_OLDEST] = "SELECT id, records, newest_us, length(data) FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
    [EMBEDDED_CHUNK_DELETE] = "DELETE FROM chunk WHERE id >= ?1 AND id < ?2",
    [EMBEDDED_POSITION_PUT] = "INSERT INTO position (grp, topic, partition, next_offset, updated_us) VALUES (?1, ?2, ?3, ?4, ?5) "
                              "ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset, updated_us = excluded.updated_us",
    [EMBEDDED_POSITION_LIST] = "SELECT grp, topic, partition, next_offset, updated_us FROM position ORDER BY grp, topic, partition",
    [EMBEDDED_POSITION_DELETE] = "DELETE FROM position WHERE topic = ?1",
};

sqlite3_stmt *embedded_statement(struct embedded *log, enum embedded_statement which)
{
    sqlite3_reset(log->statements[which]);
    return log->statements[which];
}

enum status embedded_row(struct embedded *log, sqlite3_stmt *statement, bool *row, const char *doing, struct err *err)
{
    int rc = sqlite3_step(statement);
    *row = rc == SQLITE_ROW;
    if (*row) return OK;
    enum status status = rc == SQLITE_DONE ? OK : database_err(log->db, doing, ERR_STREAM, err);
    sqlite3_reset(statement);
    return status;
}

enum status embedded_run(struct embedded *log, sqlite3_stmt *statement, const char *doing, struct err *err)
{
    return database_step(log->db, statement, doing, ERR_STREAM, err);
}

enum status embedded_begin(struct embedded *log, enum embedded_statement which, const char *doing, struct err *err)
{
    return embedded_run(log, embedded_statement(log, which), doing, err);
}

enum status embedded_end(struct embedded *log, enum status status, const char *doing, struct err *err)
{
    if (status == OK) status = embedded_run(log, embedded_statement(log, EMBEDDED_COMMIT), doing, err);
    if (status == OK) return OK;
    // A reader's statement that is still stepping would keep the transaction open.
    for (int i = 0; i < EMBEDDED_STATEMENTS; i++) sqlite3_reset(log->statements[i]);
    // SQLite has rolled some failures (a full disk) back by itself; then there is nothing left to roll back.
    if (!sqlite3_get_autocommit(log->db)) sqlite3_step(embedded_statement(log, EMBEDDED_ROLLBACK));
    sqlite3_reset(log->statements[EMBEDDED_ROLLBACK]);
    return status;
}

enum status embedded_folder(const struct config *config, char out[PATH_MAX], struct err *err)
{
    static const char scheme[] = "embedded:";
    const char *folder = config->streaming.url;
    if (!strncmp(folder, scheme, sizeof scheme - 1)) folder += sizeof scheme - 1;
    if (!*folder) folder = config->data;
    if (snprintf(out, PATH_MAX, "%s", folder) < PATH_MAX) return OK;
    return err_set(err, FATAL, ERR_CONFIG, "streaming.url: the folder's name is too long: %.100s...", folder);
}

// Waits a little for the writer that holds the lock: its transactions take about a millisecond.
static int wait_for_writer(void *context, int tries)
{
    (void)context;
    struct timespec pause = {.tv_nsec = tries < 10 ? 200000 : 3000000};
    nanosleep(&pause, NULL);
    return tries < EMBEDDED_BUSY_TRIES;
}

static enum status open_database(struct embedded *log, struct err *err)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/stream.db", log->folder);
    struct database_params params = {path, DATABASE_LOG, log->read_only, DATABASE_SYNC_FULL, 1000, ERR_STREAM};
    TRY(database_open(&log->db, &params, err));
    sqlite3_busy_handler(log->db, wait_for_writer, NULL);
    TRY(database_exec(log->db, "PRAGMA trusted_schema = 0; PRAGMA cell_size_check = 1; PRAGMA journal_size_limit = 16777216",
                      "open the log", ERR_STREAM, err));
    if (!log->read_only) TRY(database_migrate(log->db, "sql/stream", ERR_STREAM, err));
    for (int i = 0; i < EMBEDDED_STATEMENTS; i++) TRY(database_prepare(log->db, statement_texts[i], &log->statements[i], ERR_STREAM, err));
    return OK;
}

static void embedded_close(struct stream *stream)
{
    struct embedded *log = embedded_of(stream);
    for (int i = 0; i < EMBEDDED_STATEMENTS; i++) sqlite3_finalize(log->statements[i]);
    if (log->db) database_close(log->db);
    bell_fini(&log->bell);
    embedded_append_fini(log);
    free(log->readers);
    free(log->given);
    free(log->changes);
    free(log);
}

static enum status embedded_open(struct stream **out, const struct stream_params *params, struct err *err)
{
    struct embedded *log = calloc(1, sizeof *log);
    if (!log) abort();
    log->base.ops = &stream_embedded;
    log->read_only = params->read_only;
    log->metrics = params->metrics;
    log->bell = (struct bell){.ring_fd = -1, .watch_fd = -1, .wake_fd = -1};
    if (log->metrics) {
        log->flushes = metric_histogram(log->metrics, "fdp_stream_flush_seconds", NULL, "Time to make appended records durable");
        log->polled = metric_counter(log->metrics, "fdp_stream_polled_records_total", NULL, "Records read from the stream");
    }
    enum status status = embedded_folder(params->config, log->folder, err);
    if (status == OK) status = open_database(log, err);
    if (status == OK) status = bell_init(&log->bell, log->folder, err);
    if (status != OK) {
        embedded_close(&log->base);
        return status;
    }
    *out = &log->base;
    return OK;
}

const struct stream_ops stream_embedded = {
    .scheme = "embedded",
    .shares = false,
    .open = embedded_open,
    .topic_create = embedded_topic_create,
    .topic_delete = embedded_topic_delete,
    .topics = embedded_topics,
    .append = embedded_append,
    .flush = embedded_flush,
    .join = embedded_join,
    .leave = embedded_leave,
    .change = embedded_change,
    .seek = embedded_seek,
    .unseek = embedded_unseek,
    .poll = embedded_poll,
    .end = embedded_end_offset,
    .trouble = embedded_trouble,
    .high = embedded_high,
    .wake = embedded_wake,
    .watermarks = embedded_watermarks,
    .offset_at = embedded_offset_at,
    .position_hint = embedded_position_hint,
    .positions = embedded_positions,
    .groups = embedded_groups,
    .retain = embedded_retain,
    .close = embedded_close,
};
