// SPDX-License-Identifier: Apache-2.0
// Questions and orders to the brokers that are answered on a queue.
#include "streaming/kafka.h"

rd_kafka_AdminOptions_t *kafka_admin_options(rd_kafka_t *client, rd_kafka_admin_op_t kind)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, kind);
    char text[128];
    rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_ANSWER_MS, text, sizeof text);
    return options;
}

// The client answers by itself when the time is up; waiting a little longer gives its reason rather than none.
enum status kafka_admin_next(struct kafka *kafka, rd_kafka_queue_t *queue, const char *doing, rd_kafka_event_t **out, struct err *err)
{
    *out = rd_kafka_queue_poll(queue, KAFKA_ANSWER_MS + 1000);
    if (!*out) return kafka_err(kafka, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, doing, err);
    rd_kafka_resp_err_t code = rd_kafka_event_error(*out);
    if (!code) return OK;
    enum status status = kafka_err(kafka, code, rd_kafka_event_error_string(*out), doing, err);
    rd_kafka_event_destroy(*out);
    return status;
}

enum status kafka_admin_answer(struct kafka *kafka, rd_kafka_queue_t *queue, const char *doing, rd_kafka_event_t **out, struct err *err)
{
    enum status status = kafka_admin_next(kafka, queue, doing, out, err);
    rd_kafka_queue_destroy(queue);
    return status;
}
