// SPDX-License-Identifier: Apache-2.0
// Consumer groups in Kafka as tools see them: who reads what, and the positions that groups have left as a hint.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "streaming/kafka.h"

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The names of all groups, sorted, in `arena`.
static enum status list_names(struct kafka *kafka, rd_kafka_t *client, struct arena *arena, const char ***out, size_t *count,
                              struct err *err)
{
    static const char doing[] = "list the consumer groups";
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = kafka_admin_options(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    rd_kafka_ListConsumerGroups(client, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event;
    TRY(kafka_admin_answer(kafka, queue, doing, &event, err));
    enum status status = OK;
    const rd_kafka_ListConsumerGroups_result_t *result = rd_kafka_event_ListConsumerGroups_result(event);
    const rd_kafka_ConsumerGroupListing_t **groups = rd_kafka_ListConsumerGroups_result_valid(result, count);
    const char **names = arena_calloc(arena, *count + 1, sizeof *names);
    for (size_t i = 0; i < *count; i++) {
        const char *name = rd_kafka_ConsumerGroupListing_group_id(groups[i]);
        names[i] = arena_copy(arena, name, strlen(name));
    }
    size_t failed;
    const rd_kafka_error_t **errors = rd_kafka_ListConsumerGroups_result_errors(result, &failed);
    if (failed) status = kafka_err(kafka, rd_kafka_error_code(errors[0]), rd_kafka_error_string(errors[0]), doing, err);
    rd_kafka_event_destroy(event);
    qsort(names, *count, sizeof *names, by_text);
    *out = names;
    return status;
}

static const char *state_name(rd_kafka_consumer_group_state_t state)
{
    switch (state) {
    case RD_KAFKA_CONSUMER_GROUP_STATE_PREPARING_REBALANCE:
    case RD_KAFKA_CONSUMER_GROUP_STATE_COMPLETING_REBALANCE: return "rebalancing";
    case RD_KAFKA_CONSUMER_GROUP_STATE_STABLE: return "stable";
    case RD_KAFKA_CONSUMER_GROUP_STATE_DEAD: return "dead";
    case RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY: return "empty";
    case RD_KAFKA_CONSUMER_GROUP_STATE_UNKNOWN:
    case RD_KAFKA_CONSUMER_GROUP_STATE__CNT: break;
    }
    return "";
}

static const char *copy(struct arena *arena, const char *text)
{
    return text ? arena_copy(arena, text, strlen(text)) : "";
}

static void read_member(struct arena *arena, const rd_kafka_MemberDescription_t *from, struct stream_member *to)
{
    to->id = copy(arena, rd_kafka_MemberDescription_consumer_id(from));
    to->client = copy(arena, rd_kafka_MemberDescription_client_id(from));
    to->host = copy(arena, rd_kafka_MemberDescription_host(from));
    const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(from);
    const rd_kafka_topic_partition_list_t *list = assignment ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
    if (!list) return;
    struct stream_change *partitions = arena_calloc(arena, (size_t)list->cnt + 1, sizeof *partitions);
    for (int i = 0; i < list->cnt; i++) {
        partitions[i] = (struct stream_change){.given = true, .partition = list->elems[i].partition};
        snprintf(partitions[i].topic, sizeof partitions[i].topic, "%s", list->elems[i].topic);
    }
    to->partitions = partitions;
    to->partition_count = (uint32_t)list->cnt;
}

static void read_group(struct arena *arena, const rd_kafka_ConsumerGroupDescription_t *from, struct stream_group *to)
{
    snprintf(to->name, sizeof to->name, "%s", rd_kafka_ConsumerGroupDescription_group_id(from));
    to->state = state_name(rd_kafka_ConsumerGroupDescription_state(from));
    to->member_count = (uint32_t)rd_kafka_ConsumerGroupDescription_member_count(from);
    to->members = arena_calloc(arena, to->member_count + 1, sizeof *to->members);
    for (uint32_t i = 0; i < to->member_count; i++) read_member(arena, rd_kafka_ConsumerGroupDescription_member(from, i), &to->members[i]);
}

static int by_group(const void *a, const void *b)
{
    return strcmp(((const struct stream_group *)a)->name, ((const struct stream_group *)b)->name);
}

enum status kafka_groups(struct stream *stream, struct arena *arena, struct stream_group **out, uint32_t *count, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    rd_kafka_t *client;
    const char **names;
    size_t name_count, described;
    TRY(kafka_client(kafka, &client, err));
    TRY(list_names(kafka, client, arena, &names, &name_count, err));
    struct stream_group *groups = arena_calloc(arena, name_count + 1, sizeof *groups);
    *out = groups;
    *count = 0;
    if (!name_count) return OK;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = kafka_admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_DescribeConsumerGroups(client, names, name_count, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event;
    TRY(kafka_admin_answer(kafka, queue, "describe the consumer groups", &event, err));
    const rd_kafka_ConsumerGroupDescription_t **groups_now =
        rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(event), &described);
    for (size_t i = 0; i < described; i++)
        if (!rd_kafka_error_code(rd_kafka_ConsumerGroupDescription_error(groups_now[i])))
            read_group(arena, groups_now[i], &groups[(*count)++]);
    rd_kafka_event_destroy(event);
    qsort(groups, *count, sizeof *groups, by_group);
    return OK;
}

// What the positions of all groups are collected in.
struct positions {
    struct arena *arena;
    struct stream_position *items;
    uint32_t count;
};

static void read_positions(struct positions *positions, const rd_kafka_group_result_t *group)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(group);
    if (!list || list->cnt <= 0) return;
    struct stream_position *more = arena_calloc(positions->arena, positions->count + (size_t)list->cnt, sizeof *more);
    if (positions->count) memcpy(more, positions->items, positions->count * sizeof *more);
    positions->items = more;
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0) continue; // none left
        struct stream_position *position = &more[positions->count++];
        snprintf(position->group, sizeof position->group, "%s", rd_kafka_group_result_name(group));
        snprintf(position->topic, sizeof position->topic, "%s", list->elems[i].topic);
        position->partition = list->elems[i].partition;
        position->next_offset = list->elems[i].offset;
    }
}

static int by_partition(const void *a, const void *b)
{
    const struct stream_position *p = a, *q = b;
    int order = strcmp(p->group, q->group);
    if (!order) order = strcmp(p->topic, q->topic);
    return order ? order : p->partition - q->partition;
}

// One question per group, all on their way at once. Kafka does not tell when a position was left: updated_us is 0.
enum status kafka_positions(struct stream *stream, struct arena *arena, struct stream_position **out, uint32_t *count, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    rd_kafka_t *client;
    const char **names;
    size_t name_count;
    TRY(kafka_client(kafka, &client, err));
    TRY(list_names(kafka, client, arena, &names, &name_count, err));
    struct positions positions = {.arena = arena};
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = kafka_admin_options(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    for (size_t i = 0; i < name_count; i++) {
        rd_kafka_ListConsumerGroupOffsets_t *asked = rd_kafka_ListConsumerGroupOffsets_new(names[i], NULL);
        rd_kafka_ListConsumerGroupOffsets(client, &asked, 1, options, queue);
        rd_kafka_ListConsumerGroupOffsets_destroy(asked);
    }
    rd_kafka_AdminOptions_destroy(options);
    enum status status = OK;
    for (size_t i = 0; i < name_count && status == OK; i++) {
        rd_kafka_event_t *event;
        status = kafka_admin_next(kafka, queue, "list the positions of consumer groups", &event, err);
        if (status != OK) break;
        size_t groups;
        const rd_kafka_group_result_t **results =
            rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event), &groups);
        for (size_t j = 0; j < groups; j++)
            if (!rd_kafka_group_result_error(results[j])) read_positions(&positions, results[j]);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    if (positions.count) qsort(positions.items, positions.count, sizeof *positions.items, by_partition);
    *out = positions.items;
    *count = positions.count;
    return status;
}

// A group that this handle is no member of: Kafka takes it only while the group has no members at all.
static enum status put_foreign(struct kafka *kafka, const char *group, const rd_kafka_topic_partition_list_t *list, struct err *err)
{
    static const char doing[] = "leave the position of a consumer group";
    rd_kafka_t *client;
    TRY(kafka_client(kafka, &client, err));
    rd_kafka_AlterConsumerGroupOffsets_t *wanted = rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = kafka_admin_options(client, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
    rd_kafka_AlterConsumerGroupOffsets(client, &wanted, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_AlterConsumerGroupOffsets_destroy(wanted);
    rd_kafka_event_t *event;
    TRY(kafka_admin_answer(kafka, queue, doing, &event, err));
    enum status status = OK;
    size_t count;
    const rd_kafka_group_result_t **results =
        rd_kafka_AlterConsumerGroupOffsets_result_groups(rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count);
    for (size_t i = 0; i < count && status == OK; i++) {
        const rd_kafka_error_t *error = rd_kafka_group_result_error(results[i]);
        if (error) status = kafka_err(kafka, rd_kafka_error_code(error), rd_kafka_error_string(error), doing, err);
        const rd_kafka_topic_partition_list_t *done = rd_kafka_group_result_partitions(results[i]);
        for (int j = 0; done && j < done->cnt && status == OK; j++)
            if (done->elems[j].err) status = kafka_err(kafka, done->elems[j].err, NULL, doing, err);
    }
    rd_kafka_event_destroy(event);
    return status;
}

// As a member, without waiting: how it ends does not matter.
static enum status put_own(struct kafka *kafka, const rd_kafka_topic_partition_list_t *list, struct err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(kafka->consumer.client, list, kafka->consumer.events, NULL, NULL);
    return code ? kafka_err(kafka, code, NULL, "leave a position", err) : OK;
}

static enum status put(struct kafka *kafka, const char *group, const rd_kafka_topic_partition_list_t *list, struct err *err)
{
    bool own = kafka->consumer.joined && !strcmp(kafka->consumer.group, group);
    return own ? put_own(kafka, list, err) : put_foreign(kafka, group, list, err);
}

// Positions of one group stand together, or are put in several steps.
enum status kafka_position_hint(struct stream *stream, const struct stream_position *positions, uint32_t count, struct err *err)
{
    struct kafka *kafka = kafka_of(stream);
    enum status status = OK;
    for (uint32_t from = 0, to; from < count && status == OK; from = to) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
        const char *group = positions[from].group;
        for (to = from; to < count && !strcmp(positions[to].group, group); to++)
            rd_kafka_topic_partition_list_add(list, positions[to].topic, positions[to].partition)->offset = positions[to].next_offset;
        status = put(kafka, group, list, err);
        rd_kafka_topic_partition_list_destroy(list);
    }
    return status;
}
