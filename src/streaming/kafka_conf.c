// SPDX-License-Identifier: Apache-2.0
// The Kafka client's properties: those that exactness depends on, our defaults for others, and what the configuration adds.
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "streaming/kafka.h"

enum { CONSUMER = 1, PRODUCER = 2, BOTH = CONSUMER | PRODUCER, HOST_MAX = 253 };

static const char positions[] = "positions are kept in the store, never in Kafka";
static const char acknowledged[] = "only what is acknowledged for good counts as published";
static const char members[] = "processing.group names the group, and the broker tells its members apart";
static const char partitions[] = "every producer must choose the same partition for a key";

struct fixed {
    int kind;
    const char *name, *value; // value NULL: only refused
    const char *why;
};

static const struct fixed fixed[] = {
    {0, "bootstrap.servers", NULL, "streaming.url names the brokers"},
    {0, "metadata.broker.list", NULL, "streaming.url names the brokers"},
    {0, "group.id", NULL, members},
    {0, "group.instance.id", NULL, members},
    {CONSUMER, "enable.auto.commit", "false", positions},
    {0, "auto.commit.enable", NULL, positions},
    {CONSUMER, "enable.auto.offset.store", "false", positions},
    {0, "offset.store.method", NULL, positions},
    {CONSUMER, "auto.offset.reset", "error", "a position is never guessed"},
    {CONSUMER, "enable.partition.eof", "true", "the end of a partition must be seen"},
    {CONSUMER, "partition.assignment.strategy", "cooperative-sticky", "partitions are taken over one by one"},
    {PRODUCER, "enable.idempotence", "true", acknowledged},
    {PRODUCER, "acks", "all", acknowledged},
    {0, "request.required.acks", NULL, acknowledged},
    {PRODUCER, "message.timeout.ms", "0", acknowledged},
    {0, "delivery.timeout.ms", NULL, acknowledged},
    {0, "retries", NULL, acknowledged},
    {0, "message.send.max.retries", NULL, acknowledged},
    {0, "transactional.id", NULL, acknowledged},
    {PRODUCER, "delivery.report.only.error", "true", acknowledged},
    {PRODUCER, "partitioner", "murmur2_random", partitions},
    {0, "partitioner_cb", NULL, partitions},
    {BOTH, "allow.auto.create.topics", "false", "topics are made with the partitions that streaming.topics says"},
    {0, "enabled_events", NULL, "the program serves all events itself"},
    {0, "log.queue", NULL, "the program serves all events itself"},
};

static const struct fixed defaults[] = {
    {BOTH, "client.id", "fdp", NULL},
    {BOTH, "log.thread.name", "false", NULL},
    {BOTH, "log.connection.close", "false", NULL},
    {BOTH, "socket.keepalive.enable", "true", NULL},
    {BOTH, "socket.nagle.disable", "true", NULL},                // a request never waits for the acknowledgement of the one before
    {BOTH, "socket.connection.setup.timeout.ms", "10000", NULL}, // as in Java; an address that is gone may not even refuse
    {BOTH, "reconnect.backoff.max.ms", "2000", NULL},            // a broker that is back is noticed soon
    {BOTH, "topic.metadata.refresh.interval.ms", "10000", NULL}, // so are new partitions
    {CONSUMER, "isolation.level", "read_committed", NULL},
    {CONSUMER, "session.timeout.ms", "10000", NULL},        // a member that died is replaced after that long; being wrong costs little
    {CONSUMER, "heartbeat.interval.ms", "1000", NULL},      // how soon a member hears that others have come or gone
    {CONSUMER, "fetch.wait.max.ms", "100", NULL},           // a partition that is given waits for the fetch under way
    {CONSUMER, "queued.max.messages.kbytes", "3072", NULL}, // some batches; what is queued takes several times that in memory
    {CONSUMER, "fetch.message.max.bytes", "262144", NULL},  // of a partition at once, compressed
    {PRODUCER, "compression.type", "lz4", NULL},
    {PRODUCER, "message.max.bytes", "1048576", NULL}, // what brokers take, less a little
    {PRODUCER, "queue.buffering.max.messages", "1000000", NULL},
    {PRODUCER, "queue.buffering.max.kbytes", "65536", NULL},
};

static enum status bad_url(const char *url, const char *why, struct err *err)
{
    char shown[TEXT_URL_BYTES];
    return err_set(err, FATAL, ERR_CONFIG, "streaming.url: \"%.200s\" %s; write kafka://HOST:PORT, with a comma between several brokers",
                   text_url_shown(url, shown, sizeof shown), why);
}

// What is wrong with one HOST:PORT; NULL when nothing is. An IPv6 address stands in brackets.
static const char *broker_fault(struct slice broker)
{
    const char *colon = memrchr(broker.data, ':', broker.size);
    if (!broker.size) return "names no broker at one place";
    if (!colon) return "names a broker without a port";
    struct slice host = {broker.data, (size_t)(colon - broker.data)};
    struct slice port = {colon + 1, broker.size - host.size - 1};
    int64_t number;
    bool digits = port.size >= 1 && port.size <= 5 && port.data[0] >= '0' && port.data[0] <= '9';
    if (!digits || !text_to_int64(port, &number) || number < 1 || number > 65535) return "has a port that is not one of 1 to 65535";
    bool bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    if (bracketed) host = (struct slice){host.data + 1, host.size - 2};
    if (!host.size || host.size > HOST_MAX) return "names a broker without a host, or with too long a one";
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        if (!plain && !(bracketed && (c == ':' || c == '%'))) return "names a broker with characters that no host has";
    }
    return NULL;
}

enum status kafka_url_brokers(const char *url, char out[KAFKA_BROKERS_MAX], struct err *err)
{
    static const char scheme[] = "kafka://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) return bad_url(url, "does not begin with kafka://", err);
    const char *brokers = url + sizeof scheme - 1;
    size_t size = strcspn(brokers, "/?#");
    if (memchr(brokers, '@', size)) return bad_url(url, "holds a user, which belongs into streaming.kafka (sasl.username)", err);
    if (brokers[size] && strcmp(brokers + size, "/") != 0) return bad_url(url, "goes on after the brokers", err);
    if (size >= KAFKA_BROKERS_MAX) return bad_url(url, "is too long", err);
    for (size_t at = 0; at <= size;) {
        size_t length = strcspn(brokers + at, ",");
        if (length > size - at) length = size - at;
        const char *fault = broker_fault((struct slice){brokers + at, length});
        if (fault) return bad_url(url, fault, err);
        at += length + 1;
    }
    memcpy(out, brokers, size);
    out[size] = 0;
    return OK;
}

static enum status put(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK) return OK;
    return err_set(err, FATAL, ERR_CONFIG, "streaming.kafka.%s: %s", name, text);
}

static enum status put_table(const struct kafka *kafka, const struct fixed *table, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].kind & CONSUMER) TRY(put(kafka->consumer_conf, table[i].name, table[i].value, err));
        if (table[i].kind & PRODUCER) TRY(put(kafka->producer_conf, table[i].name, table[i].value, err));
    }
    return OK;
}

static enum status put_configured(const struct kafka *kafka, const struct config_pair *pair, struct err *err)
{
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!strcmp(fixed[i].name, pair->name))
            return err_set(err, FATAL, ERR_CONFIG, "streaming.kafka.%s cannot be set: %s; take it out", pair->name, fixed[i].why);
    TRY(put(kafka->consumer_conf, pair->name, pair->value, err));
    return put(kafka->producer_conf, pair->name, pair->value, err);
}

// Kerberos is what librdkafka leaves to Cyrus SASL, which loads its plugins with the first client of the process: all of them, with a
// Berkeley DB among them, for half a megabyte. Where Kerberos is not asked for, it is told that there are none.
static bool wants_kerberos(const rd_kafka_conf_t *conf)
{
    char protocol[32], mechanism[64];
    size_t protocol_size = sizeof protocol, mechanism_size = sizeof mechanism;
    if (rd_kafka_conf_get(conf, "security.protocol", protocol, &protocol_size) != RD_KAFKA_CONF_OK) return true;
    if (rd_kafka_conf_get(conf, "sasl.mechanisms", mechanism, &mechanism_size) != RD_KAFKA_CONF_OK) return true;
    return !strncmp(protocol, "sasl", 4) && !strcmp(mechanism, "GSSAPI");
}

static pthread_once_t plugins_once = PTHREAD_ONCE_INIT;

// As sasl_set_path(SASL_PATH_TYPE_PLUGIN, ""), of a library that is there only when librdkafka was built with it.
static void leave_plugins(void)
{
    enum { PLUGIN_PATH = 0 };
    int (*set_path)(int type, char *path);
    char nowhere[] = "";
    *(void **)&set_path = dlsym(RTLD_DEFAULT, "sasl_set_path");
    if (set_path) set_path(PLUGIN_PATH, nowhere);
}

enum status kafka_conf_make(struct kafka *kafka, const struct config *config, struct err *err)
{
    kafka->consumer_conf = rd_kafka_conf_new();
    kafka->producer_conf = rd_kafka_conf_new();
    TRY(put_table(kafka, defaults, sizeof defaults / sizeof *defaults, err));
    for (uint32_t i = 0; i < config->streaming.kafka.count; i++) TRY(put_configured(kafka, &config->streaming.kafka.items[i], err));
    TRY(put_table(kafka, fixed, sizeof fixed / sizeof *fixed, err));
    if (!wants_kerberos(kafka->consumer_conf)) pthread_once(&plugins_once, leave_plugins);
    rd_kafka_conf_t *both[] = {kafka->consumer_conf, kafka->producer_conf};
    for (int i = 0; i < 2; i++) {
        TRY(put(both[i], "bootstrap.servers", kafka->brokers, err));
        rd_kafka_conf_set_opaque(both[i], kafka);
        rd_kafka_conf_set_log_cb(both[i], kafka_log);
    }
    rd_kafka_conf_set_error_cb(kafka->consumer_conf, kafka_hear);
    rd_kafka_conf_set_events(kafka->consumer_conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_OFFSET_COMMIT);
    rd_kafka_conf_set_events(kafka->producer_conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    return OK;
}

int64_t kafka_conf_number(const rd_kafka_conf_t *conf, const char *name)
{
    char text[32];
    size_t size = sizeof text;
    int64_t number = 0;
    if (rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK && text_to_int64(slice_of(text), &number)) return number;
    return 0;
}
