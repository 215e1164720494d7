#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the Grafana dashboard of the chart monitoring, deploy/charts/monitoring/dashboards/fdp.json: dashboard.py [--check]. With --check
it writes nothing, and fails when the file is not as it would be made.

Change the panels here. Each says in words what it shows, for who sees such figures for the first time; what is not known is N/A, not 0."""
import json
import pathlib
import sys

CHART = pathlib.Path(__file__).resolve().parent.parent / "deploy/charts/monitoring"
FILE = CHART / "dashboards/fdp.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ROLES = "ingestion|simulator|registry|processing|console"
ALERTS = "|".join(sorted(path.stem for path in CHART.glob("alerts/*.yaml")))
COLUMNS = 24


def rate(metric, by=""):
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}[$__rate_interval]))"


def grown(metric, by=""):
    return f"sum{f' by ({by}) ' if by else ''}(increase({metric}[$__rate_interval]))"


def quantile(q, metric, by="le"):
    """Of a histogram, such as fdp_stage_seconds or fdp_stage_seconds{stage="write"}."""
    name, brace, labels = metric.partition("{")
    return f"histogram_quantile({q}, {rate(f'{name}_bucket{brace}{labels}', by)})"


def quantiles(metric):
    return [(quantile(0.5, metric), "half are faster"), (quantile(0.99, metric), "99 of 100 are faster")]


def stat(title, description, *queries, unit="none", steps=(), names=False):
    """One large figure. `steps`: colours from a value on, (value, colour); below the first it is green."""
    return {
        "type": "stat", "title": title, "description": description, "unit": unit, "queries": queries, "width": 4, "height": 5,
        "options": {"colorMode": "background", "graphMode": "none" if names else "area", "justifyMode": "center",
                    "textMode": "value_and_name" if names or len(queries) > 1 else "value", "wideLayout": True, "orientation": "auto",
                    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}},
        "field": {"color": {"mode": "thresholds"}, "thresholds": thresholds(steps)},
    }


def lines(title, description, *queries, unit="none", width=8, stack=False, steps=()):
    """Curves over time."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 20 if stack else 5, "showPoints": "never", "spanNulls": False,
              "stacking": {"mode": "normal" if stack else "none", "group": "A"},
              "thresholdsStyle": {"mode": "dashed" if steps else "off"}}
    return {
        "type": "timeseries", "title": title, "description": description, "unit": unit, "queries": queries, "width": width, "height": 8,
        "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                    "tooltip": {"mode": "multi", "sort": "desc"}},
        "field": {"color": {"mode": "palette-classic"}, "custom": custom, "min": 0, "thresholds": thresholds(steps)},
    }


def bars(title, description, *queries, unit="none", width=8, steps=()):
    """A bar for each of what is there now."""
    return {
        "type": "bargauge", "title": title, "description": description, "unit": unit, "queries": queries, "width": width, "height": 8,
        "options": {"displayMode": "basic", "orientation": "horizontal", "valueMode": "color", "showUnfilled": True, "minVizHeight": 8,
                    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}},
        "field": {"color": {"mode": "thresholds"}, "min": 0, "thresholds": thresholds(steps)},
        "instant": True,
    }


def thresholds(steps):
    coloured = [{"color": colour, "value": value} for value, colour in steps]
    return {"mode": "absolute", "steps": [{"color": "green", "value": None}, *coloured]}


ROWS = [
    ("Overview: is it healthy, how fast, how far behind, what was rejected?", [
        stat("Ready pods",
             "How many pods of each role can do useful work now. 0 is red: /readyz of the pod says what it waits for.",
             (f'sum by (job) (fdp_ready or 0 * up{{job=~"{ROLES}"}})', "{{job}}"), names=True, steps=[(0, "red"), (1, "green")]),
        stat("Ticks stored",
             "Rows written a second, all tables together. This is what the pipeline is for.",
             (rate('fdp_processing_records_total{outcome="stored"}'), "stored"), unit="suffix: /s", steps=[(0, "red"), (0.001, "green")]),
        stat("From quote to row",
             "How long it takes from the receipt of a quote to its committed row: half of them are faster than p50, 99 of 100 faster "
             "than p99.",
             (quantile(0.5, "fdp_end_to_end_seconds"), "p50"), (quantile(0.99, "fdp_end_to_end_seconds"), "p99"), unit="s",
             steps=[(1, "yellow"), (5, "red")]),
        stat("Behind",
             "How old the oldest record is that is not stored yet, over all partitions. 0: everything is stored.",
             ("max(fdp_processing_lag_seconds)", "behind"), unit="s", steps=[(5, "yellow"), (30, "red")]),
        stat("In quarantine",
             "Records that could not be stored and wait for somebody to redrive or drop them. None is lost.",
             ("max(fdp_quarantine_waiting_records)", "waiting"), steps=[(1, "yellow"), (1000, "red")]),
        stat("Alerts",
             "Alerts that fire now. Each has a page in docs/runbooks that says what it means and what to do.",
             (f'count(ALERTS{{alertstate="firing",alertname=~"{ALERTS}"}}) or 0 * count(up{{job=~"{ROLES}"}})', "firing"),
             steps=[(1, "red")]),
        lines("Ticks a second",
              "A quote comes in, becomes a record of Kafka, then a row. The three go together; where one stays below the one before it, "
              "something waits or is dropped there.",
              (rate("fdp_ingestion_received_total"), "received"), (rate("fdp_ingestion_published_total"), "published"),
              (rate('fdp_processing_records_total{outcome="stored"}'), "stored"), unit="suffix: /s"),
        lines("From quote to row",
              "The whole way, from the socket of the feed to the commit in the database. Look at the stages in the row Processing for "
              "where the time goes.",
              (quantile(0.5, "fdp_end_to_end_seconds"), "p50"), (quantile(0.95, "fdp_end_to_end_seconds"), "p95"),
              (quantile(0.99, "fdp_end_to_end_seconds"), "p99"), unit="s"),
        lines("Alerts",
              "Which alerts fired when.",
              (f'sum by (alertname) (ALERTS{{alertstate="firing",alertname=~"{ALERTS}"}})', "{{alertname}}"), stack=True),
    ]),
    ("Ingestion: from the feed to Kafka", [
        lines("Messages of the feed",
              "What comes over the WebSocket. Bad ones cannot be decoded, others are no quotes, stale ones were more than a minute old "
              "when they came, as the last price of a closed market is.",
              (rate("fdp_feed_frames_total"), "all"), (rate("fdp_feed_bad_frames_total"), "bad"),
              (rate("fdp_feed_other_frames_total"), "other"), (rate("fdp_feed_stale_quotes_total"), "stale"), unit="suffix: /s"),
        lines("What becomes of quotes",
              "Duplicates are dropped: the feed repeats itself. Rejected ones go to the topic tickers.rejected and from there into the "
              "quarantine.",
              (rate("fdp_ingestion_duplicates_total"), "duplicates"), (rate("fdp_ingestion_rejected_total"), "rejected"),
              (rate("fdp_ingestion_published_total"), "published"), unit="suffix: /s"),
        lines("Connections",
              "Connections to the feed that are open and subscribed; up to 100 symbols share one. And how many had to be made again.",
              ("sum(fdp_feed_connections)", "open"), (grown("fdp_feed_reconnects_total"), "made again")),
        lines("Symbols",
              "How many symbols the feed was asked for, how many of them were ever quoted, and how many within the last five minutes: of "
              "a closed market, none.",
              ("sum(fdp_feed_symbols)", "asked for"), ("count(count by (symbol) (fdp_symbol_newest_tick_timestamp_seconds))", "quoted"),
              ("count(time() - max by (symbol) (fdp_symbol_newest_tick_timestamp_seconds) < 300)", "in the last 5 minutes")),
        bars("Silent for longest",
             "The ten symbols that have not been quoted for longest, by the feed's own clock. A symbol whose market is closed is silent "
             "rightly; the alert SymbolStale tells the two apart.",
             ("topk(10, time() - max by (symbol) (fdp_symbol_newest_tick_timestamp_seconds))", "{{symbol}}"), unit="s",
             steps=[(300, "yellow"), (3600, "orange")]),
        lines("The built-in market",
              "Where the simulator is the feed: the ticks that it is set to make, those that it makes, and those that it had to drop "
              "because a client read too slowly.",
              ("sum(fdp_simulator_target_ticks_per_second)", "set"), (rate("fdp_simulator_ticks_total"), "made"),
              (rate("fdp_simulator_dropped_frames_total"), "dropped"), unit="suffix: /s"),
    ]),
    ("Streaming: Kafka and the schema registry", [
        lines("Records into Kafka",
              "Records that Kafka has acknowledged, by topic.",
              (rate('fdp_stream_appended_records_total{topic!="_schemas"}', "topic"), "{{topic}}"), unit="suffix: /s", stack=True),
        lines("Until Kafka has them",
              "How long it takes until appended records are safe, as ingestion sees it.",
              *quantiles('fdp_stage_seconds{stage="append"}'), unit="s"),
        lines("Trouble with Kafka",
              "Appends that had to be tried again; producers that were made anew after Kafka forgot them, and records that may be in Kafka "
              "twice because of that; times that the group dealt its partitions out anew, as it does when a worker comes or goes.",
              (grown("fdp_streaming_append_errors_total"), "appends tried again"),
              (grown("fdp_stream_producer_restarts_total"), "producers made anew"),
              (grown("fdp_stream_possible_repeats_total"), "possible repeats"),
              (grown("fdp_stream_rebalances_total"), "partitions dealt out")),
        lines("Behind, in seconds",
              "How old the oldest record of a topic is that is not stored yet. The dashed line is the budget of the alert "
              "ConsumerLagGrowing.",
              ("max by (topic) (fdp_processing_lag_seconds)", "{{topic}}"), unit="s", steps=[(30, "red")]),
        lines("Behind, in records",
              "Records that are in Kafka but not yet in the database, by topic.",
              ("sum by (topic) (fdp_processing_lag_records)", "{{topic}}"), stack=True),
        lines("Registry",
              "Questions to the schema registry by answer: 2xx found, 4xx not found or refused, 5xx failed; and questions of clients "
              "that nobody answered. Clients remember schemas, so there are few.",
              (rate("fdp_registry_requests_total", "code"), "{{code}}"), (rate("fdp_registry_client_failures_total"), "not answered"),
              unit="suffix: /s"),
    ]),
    ("Processing: from Kafka to rows", [
        lines("What becomes of records",
              "Stored as a row, quarantined because they cannot be stored, filtered because no route wants them, skipped by somebody who "
              "moved the group forward.",
              (rate("fdp_processing_records_total", "outcome"), "{{outcome}}"), unit="suffix: /s"),
        lines("Where the time goes",
              "Each stage of the way from quote to row; 99 of 100 are faster. Their sum is more than the whole, for the slow ones are "
              "not the same in each.",
              (quantile(0.99, "fdp_stage_seconds", "le, stage"), "{{stage}}"), unit="s"),
        lines("Partitions per worker",
              "Kafka shares the partitions out among the workers of a group. A worker without one is idle, and ready to take over.",
              ("sum by (instance) (fdp_processing_partitions)", "{{instance}}"), stack=True),
        lines("Records per transaction",
              "Under load a worker takes more at once, which is what makes it fast.",
              (f'{rate("fdp_processing_records_total")} / {rate("fdp_processing_batches_total")}', "records")),
        lines("Batches that wait",
              "Batches in the queue between two threads. A queue that stays full means that the thread behind it is the slow one.",
              ("sum by (queue) (fdp_queue_fill)", "{{queue}}")),
        lines("Taken over",
              "Times that a worker found that another one had taken its partitions over. It wrote nothing then: that is how each record "
              "is stored once.",
              (grown("fdp_fenced_total"), "taken over")),
    ]),
    ("Storage: the database", [
        lines("Transactions",
              "Transactions committed a second: rows, rejects and positions in the stream are written together or not at all.",
              (rate("fdp_processing_batches_total"), "committed"), unit="suffix: /s"),
        lines("Time of a transaction",
              "From the first row that is sent to the commit.",
              *quantiles('fdp_stage_seconds{stage="write"}'), unit="s"),
        lines("Transactions tried again",
              "Because the database was away, too slow or refused them. Nothing is lost meanwhile: records wait in Kafka.",
              (grown("fdp_storage_write_errors_total"), "tried again")),
        lines("In quarantine",
              "Records that wait there. Each keeps its bytes and the reason: fdp quarantine list.",
              ("max(fdp_quarantine_waiting_records)", "waiting"), width=12),
        lines("Into the quarantine",
              "Records that could not be stored, a second.",
              (rate('fdp_processing_records_total{outcome="quarantined"}'), "records"), unit="suffix: /s", width=12),
    ]),
    ("Monitoring: the pods themselves", [
        lines("Pods that tell their metrics",
              "By role. One that is missing here is missing everywhere on this page.",
              (f'sum by (job) (up{{job=~"{ROLES}"}})', "{{job}}")),
        lines("Memory",
              "What the pods of a role take, together.",
              (f'sum by (job) (process_resident_memory_bytes{{job=~"{ROLES}"}})', "{{job}}"), unit="bytes", stack=True),
        lines("Processor",
              "How many processors the pods of a role keep busy.",
              (rate(f'process_cpu_seconds_total{{job=~"{ROLES}"}}', "job"), "{{job}}"), unit="none", stack=True),
        bars("Running for",
             "How long each pod has run. A short bar is a pod that was started anew.",
             (f'max by (job, instance) (time() - process_start_time_seconds{{job=~"{ROLES}"}})', "{{job}} {{instance}}"), unit="s"),
        lines("Configuration",
              "1 while the configuration file is the one in force, 0 after a wrong one was refused; and 1 where an option was changed "
              "that takes effect only after a restart.",
              ("min by (job) (fdp_config_in_force)", "{{job}} in force"),
              ("max by (job) (fdp_config_restart_needed)", "{{job}} wants a restart")),
        lines("Records on the console",
              "What the page with the newest prices has read from Kafka, and what of it could not be decoded.",
              (rate("fdp_console_records_total"), "shown"), (rate("fdp_console_bad_records_total"), "not decoded"), unit="suffix: /s"),
    ]),
]


def placed(spec, number, x, y):
    """A panel as Grafana has it."""
    targets = []
    for letter, (expression, legend) in zip("ABCDEFGH", spec["queries"]):
        target = {"refId": letter, "datasource": SOURCE, "expr": expression, "legendFormat": legend}
        targets.append(target | ({"instant": True, "range": False} if spec.get("instant") else {"range": True}))
    return {
        "id": number, "type": spec["type"], "title": spec["title"], "description": spec["description"], "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": spec["width"], "h": spec["height"]}, "targets": targets, "options": spec["options"],
        "fieldConfig": {"defaults": spec["field"] | {"unit": spec["unit"], "noValue": "N/A", "mappings": []}, "overrides": []},
    }


def panels():
    made, y = [], 0
    for title, specs in ROWS:
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                     "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
        x, y, height = 0, y + 1, 0
        for spec in specs:
            if x + spec["width"] > COLUMNS:
                x, y, height = 0, y + height, 0
            made.append(placed(spec, len(made) + 1, x, y))
            x, height = x + spec["width"], max(height, spec["height"])
        y += height
    return made


def document():
    variable = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "regex": "", "hide": 0,
                "refresh": 1, "multi": False, "includeAll": False, "options": [], "current": {}}
    return json.dumps({
        "uid": "fdp", "title": "fdp", "description": "The pipeline, component by component. Made by tools/dashboard.py.", "tags": ["fdp"],
        "schemaVersion": 39, "version": 1, "editable": True, "graphTooltip": 1, "refresh": "10s", "timezone": "browser",
        "time": {"from": "now-30m", "to": "now"}, "templating": {"list": [variable]}, "annotations": {"list": []}, "links": [],
        "panels": panels(),
    }, indent=1) + "\n"


def main():
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() != document():
            print(f"{FILE} is not what tools/dashboard.py makes: run it", file=sys.stderr)
            return 1
    elif sys.argv[1:]:
        raise SystemExit("usage: tools/dashboard.py [--check]")
    else:
        FILE.write_text(document())
    return 0


if __name__ == "__main__":
    sys.exit(main())
