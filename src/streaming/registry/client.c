// SPDX-License-Identifier: Apache-2.0
// The registry's client: one HTTP connection, a cache by id, one or several registries that know the same.
//
// An id has one entry. Known ones stay; that an id does not exist is believed for a while; that the registry did not answer, for a
// moment, so that many records of one unknown id ask once. Others who want an id that is being fetched wait for that answer.
#include "streaming/registry/client.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/http_client.h"

enum {
    REQUEST_TIMEOUT_MS = 5000,
    UNKNOWN_MS = 2000, // how long "there is none" is believed
    FAILED_MS = 100,   // how long "did not answer" is
    MAX_URLS = 8,
    MAX_ENTRIES = 16384, // ids come from records, so anybody can invent them: above that, those that are not known are forgotten
};

enum entry_state { ENTRY_FREE, ENTRY_FETCHING, ENTRY_KNOWN, ENTRY_UNKNOWN, ENTRY_FAILED };

struct entry {
    int32_t id;
    enum entry_state state;
    struct avro_schema *schema; // of ENTRY_KNOWN
    char *text;                 // why, of ENTRY_UNKNOWN and ENTRY_FAILED
    int64_t until_ns;           // how long they hold
};

struct registry_client {
    char *urls[MAX_URLS]; // without a slash at the end
    uint32_t url_count;
    char shown[TEXT_URL_BYTES];      // all of them without their passwords
    struct metric *fetched, *failed; // NULL without metrics
    pthread_mutex_t mutex;           // guards the entries
    pthread_cond_t settled;          // an entry is no longer being fetched
    struct entry *entries;           // open addressing
    uint32_t count, capacity;        // capacity is a power of two
    pthread_mutex_t asking;          // guards the two below
    struct http_client *http;
    uint32_t turn; // the URL that answered last
};

static enum status add_url(struct registry_client *client, struct slice url, struct err *err)
{
    while (url.size && *url.data == ' ') url.data++, url.size--;
    while (url.size && (url.data[url.size - 1] == '/' || url.data[url.size - 1] == ' ')) url.size--;
    char *text = strndup(url.size ? url.data : "", url.size), shown[TEXT_URL_BYTES];
    if (!text) abort();
    text_url_shown(text, shown, sizeof shown);
    bool http = !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8);
    if (http && client->url_count < MAX_URLS) {
        size_t used = strlen(client->shown);
        snprintf(client->shown + used, sizeof client->shown - used, "%s%s", used ? ", " : "", shown);
        client->urls[client->url_count++] = text;
        return OK;
    }
    free(text);
    if (http) return err_set(err, FATAL, ERR_CONFIG, "streaming.registry.url: more than %d URLs", MAX_URLS);
    return err_set(
        err, FATAL, ERR_CONFIG,
        "streaming.registry.url: \"%.100s\" is not the URL of a registry; write http://host:8081, or several with commas between", shown);
}

static enum status add_urls(struct registry_client *client, const char *urls, struct err *err)
{
    for (;; urls++) {
        size_t length = strcspn(urls, ",");
        TRY(add_url(client, (struct slice){urls, length}, err));
        urls += length;
        if (!*urls) return OK;
    }
}

enum status registry_client_open(struct registry_client **out, const char *url, const struct log *log, struct metric_registry *metrics,
                                 struct err *err)
{
    (void)log;
    struct registry_client *client = memory_new(1, sizeof *client);
    client->capacity = 64;
    client->entries = memory_new(client->capacity, sizeof *client->entries);
    pthread_mutex_init(&client->mutex, NULL);
    pthread_mutex_init(&client->asking, NULL);
    pthread_cond_init(&client->settled, NULL);
    client->http = http_client_new(REQUEST_TIMEOUT_MS);
    enum status status = add_urls(client, url, err);
    if (status != OK) {
        registry_client_close(client);
        return status;
    }
    if (metrics) {
        client->fetched = metric_counter(metrics, "fdp_registry_client_fetches_total", NULL, "Schemas fetched from the registry");
        client->failed = metric_counter(metrics, "fdp_registry_client_failures_total", NULL, "Requests that the registry did not answer");
    }
    *out = client;
    return OK;
}

void registry_client_close(struct registry_client *client)
{
    if (!client) return;
    for (uint32_t i = 0; i < client->capacity; i++) {
        avro_schema_free(client->entries[i].schema);
        free(client->entries[i].text);
    }
    free(client->entries);
    for (uint32_t i = 0; i < client->url_count; i++) free(client->urls[i]);
    http_client_free(client->http);
    pthread_cond_destroy(&client->settled);
    pthread_mutex_destroy(&client->asking);
    pthread_mutex_destroy(&client->mutex);
    free(client);
}

// --- asking

struct question {
    const char *method, *path;
    struct slice body;
};

// Asks one registry. RETRY when there was no answer, and then *status is 0.
static enum status ask_one(struct registry_client *client, const char *base, const struct question *question, int *status,
                           struct buf *answer, struct err *err)
{
    struct buf url;
    buf_init(&url, 8192);
    buf_printf(&url, "%s%s", base, question->path);
    buf_append_byte(&url, '\0');
    enum status result;
    *status = 0;
    if (url.full)
        result = err_set(err, REJECT, ERR_REGISTRY, "the name of the subject is too long: %.60s...", question->path);
    else
        result = http_client_request(client->http, question->method, url.data, "application/vnd.schemaregistry.v1+json", question->body,
                                     status, answer, ERR_REGISTRY, err);
    if (result == RETRY) *status = 0;
    buf_fini(&url);
    return result;
}

// A request with a JSON answer; *reply may be NULL when the answer was no JSON. RETRY when there was no answer. When one registry does not
// answer, or cannot do now what is asked (it may not be the writer), the next one is asked.
static enum status ask(struct registry_client *client, const struct question *question, int *status, json_t **reply, struct err *err)
{
    struct buf answer;
    buf_init(&answer, BUF_MAX_HTTP_REPLY);
    *reply = NULL;
    enum status result = RETRY;
    pthread_mutex_lock(&client->asking);
    for (uint32_t tries = 0; tries < client->url_count; tries++) {
        result = ask_one(client, client->urls[client->turn], question, status, &answer, err);
        if (result == RETRY && client->failed) metric_add(client->failed, 1);
        if (result == REJECT || (result == OK && *status < 500)) break;
        client->turn = (client->turn + 1) % client->url_count;
    }
    pthread_mutex_unlock(&client->asking);
    if (result == OK) *reply = json_loadb(answer.data ? answer.data : "", answer.size, 0, NULL);
    buf_fini(&answer);
    return result;
}

static bool is_final(int status)
{
    return status >= 400 && status < 500 && status != 404 && status != 408 && status != 429;
}

// Turns an answer other than 200 into an error: REJECT when asking again cannot help.
static enum status refuse(const struct registry_client *client, const char *what, int status, const json_t *reply, struct err *err)
{
    const char *message = json_string_value(json_object_get(reply, "message"));
    json_int_t code = json_integer_value(json_object_get(reply, "error_code"));
    bool final = is_final(status) || (code >= 40401 && code <= 40499);
    return err_set(err, final ? REJECT : RETRY, ERR_REGISTRY, "%s: the registry at %s answered %d: %s", what, client->shown, status,
                   message ? message : "(no message)");
}

// --- schemas by id

static uint32_t slot_of(const struct registry_client *client, int32_t id)
{
    uint32_t slot = (uint32_t)id * 2654435769u & (client->capacity - 1);
    while (client->entries[slot].state != ENTRY_FREE && client->entries[slot].id != id) slot = (slot + 1) & (client->capacity - 1);
    return slot;
}

// Moves the entries to a table of another size; without those that are neither known nor under way when `forget`.
static void rebuild(struct registry_client *client, uint32_t capacity, bool forget)
{
    struct entry *before = client->entries;
    uint32_t before_capacity = client->capacity;
    client->entries = memory_new(capacity, sizeof *client->entries);
    client->capacity = capacity;
    client->count = 0;
    for (uint32_t i = 0; i < before_capacity; i++) {
        struct entry *entry = &before[i];
        if (entry->state == ENTRY_FREE) continue;
        if (forget && (entry->state == ENTRY_UNKNOWN || entry->state == ENTRY_FAILED)) {
            free(entry->text);
            continue;
        }
        client->entries[slot_of(client, entry->id)] = *entry;
        client->count++;
    }
    free(before);
}

static struct entry *entry_get(struct registry_client *client, int32_t id)
{
    struct entry *entry = &client->entries[slot_of(client, id)];
    if (entry->state != ENTRY_FREE) return entry;
    if (client->count >= MAX_ENTRIES) rebuild(client, client->capacity, true);
    if (client->count >= client->capacity / 2) rebuild(client, client->capacity * 2, false);
    client->count++;
    return &client->entries[slot_of(client, id)];
}

// A registry without any subject is one that has not been filled yet, or has lost what it had: no id is wrong for its sake.
static bool is_empty(struct registry_client *client)
{
    struct err err;
    int status = 0;
    json_t *reply;
    if (ask(client, &(struct question){"GET", "/subjects", {0}}, &status, &reply, &err) != OK) return false;
    bool empty = status == 200 && json_is_array(reply) && !json_array_size(reply);
    json_decref(reply);
    return empty;
}

static enum status fetch(struct registry_client *client, int32_t id, struct avro_schema **out, struct err *err)
{
    char path[64], what[64];
    int status = 0;
    json_t *reply;
    snprintf(path, sizeof path, "/schemas/ids/%d", id);
    snprintf(what, sizeof what, "cannot get schema id %d", id);
    TRY(ask(client, &(struct question){"GET", path, {0}}, &status, &reply, err));
    const json_t *text = json_object_get(reply, "schema");
    const char *type = json_string_value(json_object_get(reply, "schemaType"));
    enum status result;
    if (status != 200 || !json_is_string(text))
        result = status == 200 ? err_set(err, RETRY, ERR_REGISTRY, "%s: the answer of %s has no schema", what, client->shown)
                               : refuse(client, what, status, reply, err);
    else if (type && strcmp(type, "AVRO") != 0)
        result = err_set(err, REJECT, ERR_REGISTRY, "%s: it is of type %s, not AVRO", what, type);
    else if (json_array_size(json_object_get(reply, "references")))
        result = err_set(err, REJECT, ERR_REGISTRY, "%s: it refers to other subjects, which is not supported", what);
    else if ((result = avro_schema_parse(json_string_value(text), json_string_length(text), AVRO_LENIENT, NULL, 0, out, err)) != OK)
        err_context(err, "%s", what);
    json_decref(reply);
    if (result == REJECT && status != 200 && is_empty(client))
        return err_set(err, RETRY, ERR_REGISTRY, "%s: the registry at %s has no schemas at all; load them (fdp schemas load)", what,
                       client->shown);
    return result;
}

// The mutex is held. OK, REJECT or RETRY from the entry when it says something now; AGAIN when it must be fetched.
static enum status settled(const struct entry *entry, const struct avro_schema **out, struct err *err)
{
    if (entry->state == ENTRY_KNOWN) {
        *out = entry->schema;
        return OK;
    }
    if (entry->state == ENTRY_FREE || clock_mono_ns() >= entry->until_ns) return AGAIN;
    return err_set(err, entry->state == ENTRY_UNKNOWN ? REJECT : RETRY, ERR_REGISTRY, "%s", entry->text);
}

static void settle(struct registry_client *client, int32_t id, enum status status, struct avro_schema *schema, const struct err *err)
{
    pthread_mutex_lock(&client->mutex);
    struct entry *entry = &client->entries[slot_of(client, id)];
    entry->schema = schema;
    entry->state = status == OK ? ENTRY_KNOWN : status == REJECT ? ENTRY_UNKNOWN : ENTRY_FAILED;
    if (status != OK) {
        entry->until_ns = clock_deadline_ms(status == REJECT ? UNKNOWN_MS : FAILED_MS);
        entry->text = strdup(err->text);
        if (!entry->text) abort();
    }
    pthread_cond_broadcast(&client->settled);
    pthread_mutex_unlock(&client->mutex);
}

enum status registry_schema(struct registry_client *client, int32_t id, const struct avro_schema **out, struct err *err)
{
    if (id < 1) return err_set(err, REJECT, ERR_REGISTRY, "there is no schema id %d", id);
    pthread_mutex_lock(&client->mutex);
    struct entry *entry;
    while ((entry = entry_get(client, id))->state == ENTRY_FETCHING) pthread_cond_wait(&client->settled, &client->mutex);
    enum status status = settled(entry, out, err);
    if (status == AGAIN) {
        free(entry->text);
        *entry = (struct entry){.id = id, .state = ENTRY_FETCHING};
    }
    pthread_mutex_unlock(&client->mutex);
    if (status != AGAIN) return status;

    struct avro_schema *schema = NULL;
    struct err why = {0};
    status = fetch(client, id, &schema, &why);
    if (client->fetched) metric_add(client->fetched, 1);
    settle(client, id, status, schema, &why);
    if (status == OK)
        *out = schema;
    else if (err)
        *err = why;
    return status;
}

// --- ids by subject

static void subject_path(struct buf *path, const char *before, const char *subject, const char *after)
{
    buf_init(path, 8192);
    buf_append_text(path, before);
    http_encode_segment(subject, path);
    buf_append_text(path, after);
    buf_append_byte(path, '\0');
}

// Sends a schema and takes the id out of the answer.
static enum status send_schema(struct registry_client *client, const char *subject, const char *after, const char *schema, int32_t *id,
                               struct err *err)
{
    struct buf path, body;
    char what[300];
    int status = 0;
    json_t *reply = NULL;
    snprintf(what, sizeof what, "subject %.200s", subject);
    subject_path(&path, "/subjects/", subject, after);
    buf_init(&body, BUF_MAX_HTTP_REQUEST);
    buf_append_text(&body, "{\"schema\":");
    buf_append_json(&body, schema, strlen(schema));
    buf_append_byte(&body, '}');
    enum status result;
    if (path.full || body.full)
        result = err_set(err, REJECT, ERR_REGISTRY, "%s: the schema or the name is too large to be sent", what);
    else
        result = ask(client, &(struct question){"POST", path.data, buf_slice(&body)}, &status, &reply, err);
    json_int_t value = json_integer_value(json_object_get(reply, "id"));
    if (result == OK && (status != 200 || value < 1 || value > INT32_MAX)) result = refuse(client, what, status, reply, err);
    if (result == OK) *id = (int32_t)value;
    json_decref(reply);
    buf_fini(&path);
    buf_fini(&body);
    return result;
}

enum status registry_register(struct registry_client *client, const char *subject, const char *schema, int32_t *id, struct err *err)
{
    return send_schema(client, subject, "/versions", schema, id, err);
}

enum status registry_lookup(struct registry_client *client, const char *subject, const char *schema, int32_t *id, struct err *err)
{
    return send_schema(client, subject, "", schema, id, err);
}

enum status registry_client_set_level(struct registry_client *client, const char *subject, const char *level, struct err *err)
{
    struct buf path;
    char body[128];
    int status = 0;
    json_t *reply;
    subject_path(&path, "/config/", subject, "");
    enum status result = ask(client, &(struct question){"GET", path.data, {0}}, &status, &reply, err);
    const char *now = json_string_value(json_object_get(reply, "compatibilityLevel"));
    bool has_it = result == OK && status == 200 && now && !strcmp(now, level);
    json_decref(reply);
    if (result == OK && !has_it) {
        snprintf(body, sizeof body, "{\"compatibility\":\"%.40s\"}", level);
        result = ask(client, &(struct question){"PUT", path.data, slice_of(body)}, &status, &reply, err);
        if (result == OK && status != 200) result = refuse(client, subject, status, reply, err);
        json_decref(reply);
    }
    buf_fini(&path);
    return result;
}
