// SPDX-License-Identifier: Apache-2.0
// All commands, in the order in which help lists them.
#include "cli/commands.h"

#define DURATION_FLAG {"for", "DURATION", "stop by itself after this time, such as 10s"}

const struct command commands[] = {
    {"up", "", 0, 0, "Run the whole pipeline in one process",
     "Starts the schema registry, the built-in market (when ingestion.source is simulator:), ingestion, the worker and the monitoring page,\n"
     "all in this process. Ctrl-C stops it: the feed first, then what is on its way is stored.\n"
     "With --for it prints one line of JSON at the end; `lost` is 0 when every published record is accounted for.",
     {DURATION_FLAG}, cmd_up},
    {"ingest", "", 0, 0, "Run ingestion alone: from a feed to the stream", NULL, {DURATION_FLAG}, cmd_ingest},
    {"process", "", 0, 0, "Run the worker alone: from the stream to the store", NULL, {DURATION_FLAG}, cmd_process},
    {"registry", "", 0, 0, "Run the schema registry alone", NULL, {DURATION_FLAG}, cmd_registry},
    {"simulate", "", 0, 0, "Run the built-in market alone",
     "It speaks Yahoo's streaming protocol: ws://HOST:PORT/?version=2 (JSON frames) or ws://HOST:PORT/ (base64 frames).",
     {DURATION_FLAG,
      {"replay", "FILE.csv", "play recorded prices: columns time, id, price, ... (simulator.replay)"},
      {"speed", "FACTOR", "of a replay: 2 is twice as fast (simulator.speed)"}},
     cmd_simulate},
    {"topics list", "", 0, 0, "List the topics of the stream", NULL, {{0}}, cmd_topics_list},
    {"topics describe", "TOPIC", 1, 1, "Show the partitions of a topic", NULL, {{0}}, cmd_topics_describe},
    {"topics tail", "TOPIC", 1, 1, "Print records of a topic, decoded, as lines of JSON", NULL,
     {{"from", "WHERE", "earliest, latest, or a time such as 2026-08-13T12:03:09Z; default: the last ones"},
      {"n", "N", "how many records (default 10; with --from: all)"},
      {"follow", NULL, "go on with new records as they come"}},
     cmd_topics_tail},
    {"schemas list", "", 0, 0, "List the subjects of the registry", NULL, {{0}}, cmd_schemas_list},
    {"schemas show", "SUBJECT [VERSION]", 1, 2, "Print a schema", NULL, {{0}}, cmd_schemas_show},
    {"schemas load", "[DIR]", 0, 1, "Load the schemas of a folder into the registry, in order of version",
     "DIR holds one folder per topic with v1.avsc, v2.avsc, ... Without DIR: the schemas built into the program. What is there already stays.",
     {{0}}, cmd_schemas_load},
    {"quarantine list", "", 0, 0, "List the records that could not be stored", NULL,
     {{"state", "STATE", "waiting, redriven or dropped"}, {"n", "N", "how many, newest first (default 50)"}}, cmd_quarantine_list},
    {"quarantine show", "ID", 1, 1, "Show one of them whole", NULL, {{0}}, cmd_quarantine_show},
    {"reconcile", "", 0, 0, "Prove that nothing was lost or doubled",
     "Per partition: next - first = stored + quarantined + filtered + skipped. Exit code 1 when a sum is wrong.",
     {{"deep", NULL, "also count the rows and quarantine entries, and look for offsets stored twice"}}, cmd_reconcile},
    {"sql", "'SELECT ...'", 1, 1, "Query the store", "Only reading. Tables: stocks, crypto, currency; views: finance_data_ingress, finance_data_readable.",
     {{"csv", NULL, "print CSV"}}, cmd_sql},
    {"check", "", 0, 0, "Check the configuration, the SQL and the connections", "Names every problem, one line each. Exit code 1 when there is one.", {{0}}, cmd_check},
    {"preview", "TOPIC", 1, 1, "Show what the worker would do with the last records of a topic", "Writes nothing.",
     {{"n", "N", "how many records (default 10)"}}, cmd_preview},
    {"feed decode", "", 0, 0, "Decode Yahoo frames from stdin", "One frame a line, in either framing; one JSON object a line comes out. A bad line gives an error object.", {{0}},
     cmd_feed_decode},
    {"bench", "", 0, 0, "Measure speed and size", "Figures are ratios to ceilings that are measured in the same run.",
     {{"rows", "N", "rows per measurement (default 400000)"}, {"seconds", "N", "of the latency run (default 10)"}}, cmd_bench},
    {"config show", "", 0, 0, "Show every option with its value and where it came from", NULL, {{0}}, cmd_config_show},
    {"config keys", "", 0, 0, "List every option with its type, default, range and meaning", NULL, {{0}}, cmd_config_keys},
    {"config schema", "", 0, 0, "Print the JSON Schema of the configuration file", NULL, {{0}}, cmd_config_schema},
    {"config sample", "", 0, 0, "Print a configuration file with every option", NULL, {{0}}, cmd_config_sample},
    {"version", "", 0, 0, "Print the version", NULL, {{0}}, cmd_version},
    {"help", "[COMMAND]", 0, 2, "Explain a command", NULL, {{0}}, cmd_help},
};
const int command_count = sizeof commands / sizeof *commands;
