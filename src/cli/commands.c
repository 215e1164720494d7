// SPDX-License-Identifier: Apache-2.0
// All commands, in the order in which help lists them.
#include "cli/commands.h"

#define DURATION_FLAG                                                                                                                      \
    {                                                                                                                                      \
        "for", "DURATION", "stop by itself after this time, such as 10s"                                                                   \
    }
#define WAIT_FLAG                                                                                                                          \
    {                                                                                                                                      \
        "wait", "DURATION", "try again for so long while what it needs is not there yet"                                                   \
    }

#define YES_FLAG                                                                                                                           \
    {                                                                                                                                      \
        "yes", NULL, "do it"                                                                                                               \
    }
#define ALSO_FLAG(what)                                                                                                                    \
    {                                                                                                                                      \
        "also", "TABLE,...", what " these tables too, that earlier routes led to"                                                          \
    }
#define YES_HELP "Without --yes it only shows what would happen; on a terminal it asks."
#define CHOICE_FLAGS                                                                                                                       \
    {"all", NULL, "all that wait"}, {"rule", "RULE", "those of this rule: decode, schema, transform, constraint, timeout, ingestion"},     \
    {                                                                                                                                      \
        "topic", "TOPIC", "those of this topic"                                                                                            \
    }
#define LAG_HELP                                                                                                                           \
    "lag is in records from the position on, lag_seconds how old the first of them is. The position is the stored one; what the\n"         \
    "stream was told of it (hint) may be older. Groups that store nothing here are shown by their hints."
#define ROLES "All roles on one data folder: docs/roles.md."

const struct command commands[] = {
    {"up",
     "",
     0,
     0,
     "Run the whole pipeline in one process",
     "Starts the schema registry, the built-in market (when ingestion.source is simulator:), ingestion, the worker and the monitoring page,\n"
     "all in this process. Ctrl-C stops it: the feed first, then what is on its way is stored.\n"
     "With --for it prints one line of JSON at the end; `lost` is 0 when every published record is accounted for;\n"
     "`filtered` includes what no route of processing reads.",
     {DURATION_FLAG},
     cmd_up},
    {"ingest",
     "",
     0,
     0,
     "Run ingestion alone: from a feed to the stream",
     "Takes quotes from ingestion.source and publishes them; what cannot be used goes to tickers.rejected. The source is yahoo: or the\n"
     "address of a market; a registry must run (streaming.registry.url, else the address of streaming.registry.listen) and have the\n"
     "schemas: ingestion waits for both. With fdp registry and fdp simulate running:\n"
     "fdp ingest --set 'ingestion.source=ws://127.0.0.1:8082/?version=2' --set streaming.registry.url=http://127.0.0.1:8081\n" ROLES,
     {DURATION_FLAG},
     cmd_ingest},
    {"process",
     "",
     0,
     0,
     "Run the worker alone: from the stream to the store",
     "Decodes the records of the stream with the registry's schemas and stores each exactly once. On Kafka several share the partitions out\n"
     "among them; on the embedded log a second one takes over from the first. It needs the registry for schemas that it has not seen yet.\n" ROLES,
     {DURATION_FLAG},
     cmd_process},
    {"registry",
     "",
     0,
     0,
     "Run the schema registry alone",
     "Speaks Confluent's API on streaming.registry.listen. It keeps its schemas in the stream and is empty at first: once it runs, load them\n"
     "with fdp schemas load --set streaming.registry.url=http://127.0.0.1:8081.\n" ROLES,
     {DURATION_FLAG},
     cmd_registry},
    {"console",
     "",
     0,
     0,
     "Run the web page alone",
     "Shows the newest price of every symbol, read from the topics; stores nothing. Beyond this machine the page wants monitoring.token.\n" ROLES,
     {DURATION_FLAG},
     cmd_console},
    {"simulate",
     "",
     0,
     0,
     "Run the built-in market alone",
     "It speaks Yahoo's streaming protocol: ws://HOST:PORT/?version=2 (JSON frames) or ws://HOST:PORT/ (base64 frames). It needs no other\n"
     "role; fdp ingest takes its address as ingestion.source.\n" ROLES,
     {DURATION_FLAG,
      {"replay", "FILE.csv", "play recorded prices: columns time, id, price, ... (simulator.replay)"},
      {"speed", "FACTOR", "of a replay: 2 is twice as fast (simulator.speed)"}},
     cmd_simulate},
    {"topics list", "", 0, 0, "List the topics of the stream", NULL, {{0}}, cmd_topics_list},
    {"topics describe",
     "TOPIC",
     1,
     1,
     "Show the partitions of a topic, and how long its records are kept",
     NULL,
     {{0}},
     cmd_topics_describe},
    {"topics create",
     "[NAME]",
     0,
     1,
     "Make a topic, or without NAME all of streaming.topics",
     "One that is there with as many partitions, or more, is left as it is.",
     {{"partitions", "N", "how many (default 3)"},
      {"retention", "DURATION", "how long records are kept, such as 7d (default: streaming.retention, on Kafka the broker's)"},
      {"compacted", NULL, "keep the last record of each key for ever (Kafka)"},
      WAIT_FLAG},
     cmd_topics_create},
    {"topics delete", "TOPIC", 1, 1, "Delete a topic with its records", YES_HELP, {YES_FLAG}, cmd_topics_delete},
    {"topics produce",
     "TOPIC [FILE]",
     1,
     2,
     "Append records from a file, or from stdin, to a topic",
     "A line is KEY<TAB>VALUE, or a value alone. With --schema the values are JSON objects, such as topics tail prints; the key is what stands\n"
     "before a TAB, else the field _key, else the field id. A line that is no record is refused and named; the others are appended.",
     {{"schema", NULL, "encode the values as Avro, with the newest schema of the subject TOPIC-value"}},
     cmd_topics_produce},
    {"topics tail",
     "TOPIC",
     1,
     1,
     "Print records of a topic, decoded, as lines of JSON",
     NULL,
     {{"from", "WHERE", "earliest, latest, or a time such as 2026-08-13T12:03:09Z; default: the last ones"},
      {"n", "N", "how many records (default 10; with --from: all)"},
      {"follow", NULL, "go on with new records as they come"}},
     cmd_topics_tail},
    {"groups list", "", 0, 0, "List the consumer groups, and how far they are behind", LAG_HELP, {{0}}, cmd_groups_list},
    {"groups describe", "GROUP", 1, 1, "Show the partitions of a group", LAG_HELP, {{0}}, cmd_groups_describe},
    {"groups reset",
     "GROUP",
     1,
     1,
     "Move the stored position of a group",
     "Going back removes the rows and quarantine entries of the records that will be read again, in the same transaction: nothing is doubled.\n"
     "Going forward counts the records in between as skipped. A running worker goes on at the new position; on the embedded log it has to be\n"
     "stopped first. Without --yes it only shows what would happen.\n"
     "Rows are removed from the tables that the present routes lead to. Records that have their row in another table would be there twice: they\n"
     "are counted as rows_elsewhere, and the move is refused (exit code 1 without --yes) until --also or --leave-others says what those are.",
     {{"to", "WHERE", "earliest, latest, an offset, or a time such as 2026-08-13T12:03:09Z"},
      {"topic", "TOPIC", "only this topic"},
      {"partition", "N", "only this partition of it"},
      {"fresh", NULL, "the topic is another one now: keep the rows of the old one, begin anew"},
      ALSO_FLAG("remove the rows from"),
      {"leave-others", NULL, "leave the rows that are in other tables where they are"},
      YES_FLAG},
     cmd_groups_reset},
    {"schemas list", "", 0, 0, "List the subjects of the registry", NULL, {{0}}, cmd_schemas_list},
    {"schemas show", "SUBJECT [VERSION]", 1, 2, "Print a schema", NULL, {{0}}, cmd_schemas_show},
    {"schemas load",
     "[DIR]",
     0,
     1,
     "Load the schemas of a folder into the registry, in order of version",
     "DIR holds one folder per topic with v1.avsc, v2.avsc, ... Without DIR: the schemas built into the program. What is there already stays.",
     {WAIT_FLAG},
     cmd_schemas_load},
    {"quarantine list",
     "",
     0,
     0,
     "List the records that could not be stored",
     NULL,
     {{"state", "STATE", "waiting, redriven or dropped"}, {"n", "N", "how many, newest first (default 50)"}},
     cmd_quarantine_list},
    {"quarantine show", "ID", 1, 1, "Show one of them whole", NULL, {{0}}, cmd_quarantine_show},
    {"quarantine redrive",
     "[ID ...]",
     0,
     COMMAND_MAX_WORDS,
     "Process them again, after what was wrong has been put right",
     "From the bytes that were kept, with the present routes, schemas and tables. What can be stored now is stored, in the same transaction that\n"
     "settles its entry; what cannot goes on waiting, and exit code 1 says that there is some. Nothing is processed twice, no entry is added.",
     {CHOICE_FLAGS,
      {"dry-run", NULL, "only show what would become of them"},
      {"limit", "N", "at most so many (default 10000)"},
      {"yes", NULL, "do not ask"}},
     cmd_quarantine_redrive},
    {"quarantine drop",
     "[ID ...]",
     0,
     COMMAND_MAX_WORDS,
     "Give up on them",
     "They are kept, and go on counting as quarantined, but do not wait any more. With --all, --rule or --topic it wants --yes.",
     {CHOICE_FLAGS, {"limit", "N", "at most so many, the oldest first (default 10000)"}, YES_FLAG},
     cmd_quarantine_drop},
    {"reconcile",
     "",
     0,
     0,
     "Prove that nothing was lost or doubled",
     "Per partition: next - first = stored + quarantined + filtered + skipped. Exit code 1 when a sum is wrong.",
     {{"deep", NULL, "also count the rows and quarantine entries, and look for offsets stored twice"}, ALSO_FLAG("count the rows of")},
     cmd_reconcile},
    {"sql",
     "'SELECT ...'",
     1,
     1,
     "Query the store",
     "Only reading. Tables: stocks, crypto, currency; views: finance_data_ingress, finance_data_readable.\n"
     "With --json, columns of one name are told apart by a number: SELECT 1 AS a, 2 AS a gives a and a_2.",
     {{"csv", NULL, "print CSV"}},
     cmd_sql},
    {"check",
     "",
     0,
     0,
     "Check the configuration, the SQL and the connections",
     "Names every problem, one line each. Exit code 1 when there is one.",
     {{0}},
     cmd_check},
    {"preview",
     "TOPIC",
     1,
     1,
     "Show what the worker would do with the last records of a topic",
     "Writes nothing.",
     {{"n", "N", "how many records (default 10)"}},
     cmd_preview},
    {"replay",
     "",
     0,
     0,
     "Make rows once more from the stream, beside the live ones",
     "Reads the records between two times again, with the present routes, into a table of its own that is made like the live one. With --diff it is\n"
     "then compared with the live tables, record by record: missing are rows that only they have, extra those that they lack. Exit code 1 when\n"
     "there are differences.",
     {{"from", "TIME", "of the first record, such as 2026-08-13T12:03:09Z"},
      {"to", "TIME", "up to this time"},
      {"topic", "TOPIC", "only this topic (default: all that processing.routes read)"},
      {"into", "TABLE", "the table to make"},
      {"diff", NULL, "compare it with the live rows of the same records"},
      {"yes", NULL, "remove rows that are in that table already"}},
     cmd_replay},
    {"feed decode",
     "",
     0,
     0,
     "Decode Yahoo frames from stdin",
     "One frame a line, in either framing; one JSON object a line comes out. A bad line gives an error object.",
     {{0}},
     cmd_feed_decode},
    {"bench",
     "",
     0,
     0,
     "Measure speed and size",
     "Figures are ratios to ceilings that are measured in the same run.",
     {{"rows", "N", "rows per measurement (default 400000)"}, {"seconds", "N", "how long the pipeline runs under load (default 10)"}},
     cmd_bench},
    {"config show", "", 0, 0, "Show every option with its value and where it came from", NULL, {{0}}, cmd_config_show},
    {"config keys", "", 0, 0, "List every option with its type, default, range and meaning", NULL, {{0}}, cmd_config_keys},
    {"config schema", "", 0, 0, "Print the JSON Schema of the configuration file", NULL, {{0}}, cmd_config_schema},
    {"config sample", "", 0, 0, "Print a configuration file with every option", NULL, {{0}}, cmd_config_sample},
    {"version", "", 0, 0, "Print the version", NULL, {{0}}, cmd_version},
    {"help", "[COMMAND]", 0, 2, "Explain a command", NULL, {{0}}, cmd_help},
};
const int command_count = sizeof commands / sizeof *commands;
