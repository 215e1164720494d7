// SPDX-License-Identifier: Apache-2.0
// What the Kafka client and the brokers say, in our classes and words.
#include <stdio.h>

#include "streaming/kafka.h"

void kafka_say(struct kafka *kafka, const char *text)
{
    pthread_mutex_lock(&kafka->said.lock);
    snprintf(kafka->said.text, sizeof kafka->said.text, "%s", text);
    pthread_mutex_unlock(&kafka->said.lock);
}

// Trouble with connections is kept for the messages of whoever waits for an answer; the role says it once.
void kafka_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    enum { SYSLOG_CRITICAL = 2, SYSLOG_ERROR = 3, SYSLOG_WARNING = 4 };
    struct kafka *kafka = rd_kafka_opaque(client);
    bool connection = !strcmp(facility, "FAIL") || !strcmp(facility, "ERROR");
    if (connection && level <= SYSLOG_ERROR) kafka_say(kafka, text);
    if (!kafka->log) return;
    enum log_level as = level <= SYSLOG_CRITICAL ? LOG_ERROR : level <= SYSLOG_WARNING ? LOG_WARN : LOG_DEBUG;
    if (connection || !strcmp(facility, "CONFWARN") || !strcmp(facility, "GETPID")) as = LOG_DEBUG;
    log_write(kafka->log, as, "streaming", "the Kafka client says", "facility", facility, "text", text, (const char *)0);
}

void kafka_hear(rd_kafka_t *client, int code, const char *text, void *context)
{
    (void)client;
    struct kafka *kafka = context;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        kafka->consumer.suspicious = true;
    else
        kafka_say(kafka, text);
}

static enum status no_answer(struct kafka *kafka, const char *detail, const char *doing, struct err *err)
{
    char said[KAFKA_SAID_BYTES];
    pthread_mutex_lock(&kafka->said.lock);
    snprintf(said, sizeof said, "%s", kafka->said.text);
    pthread_mutex_unlock(&kafka->said.lock);
    bool shut_out = strstr(said, "SSL handshake") || strstr(said, "SASL authentication");
    return err_set(err, RETRY, ERR_STREAM, "cannot %s: no broker of %s answered in time (%s); %s", doing, kafka->brokers,
                   *said ? said : detail,
                   shut_out ? "see the sasl and ssl properties in streaming.kafka" : "see that Kafka runs there and can be reached");
}

static enum status class_of(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__FATAL: return FATAL;
    default: return RETRY;
    }
}

enum status kafka_err(struct kafka *kafka, rd_kafka_resp_err_t code, const char *detail, const char *doing, struct err *err)
{
    if (!detail || !*detail) detail = rd_kafka_err2str(code);
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD: return no_answer(kafka, detail, doing, err);
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return err_set(err, RETRY, ERR_STREAM,
                       "cannot %s: the brokers do not let this client in (%s); see the sasl and ssl properties in streaming.kafka", doing,
                       detail);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return err_set(err, RETRY, ERR_STREAM,
                       "cannot %s: the broker does not permit it (%s); give this client's principal the right to it", doing, detail);
    default: return err_set(err, class_of(code), ERR_STREAM, "cannot %s: %s", doing, detail);
    }
}

enum status kafka_error(struct kafka *kafka, rd_kafka_error_t *error, const char *doing, struct err *err)
{
    if (!error) return OK;
    enum status status = kafka_err(kafka, rd_kafka_error_code(error), rd_kafka_error_string(error), doing, err);
    rd_kafka_error_destroy(error);
    return status;
}

enum status kafka_no_topic(const struct kafka *kafka, const char *topic, struct err *err)
{
    return err_set(err, FATAL, ERR_STREAM, "there is no topic \"%.*s\" on %s; make it with: fdp topics create", STREAM_TOPIC_MAX, topic,
                   kafka->brokers);
}
