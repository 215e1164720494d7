// SPDX-License-Identifier: Apache-2.0
// A configuration and a simulator for tests that need a market with a real socket.
#ifndef FDP_TESTS_MARKET_H
#define FDP_TESTS_MARKET_H

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "model/config.h"
#include "simulator/simulator.h"
#include "unit.h"

enum { MARKET_DEADLINE_MS = 30000 };

static const struct log market_quiet = {LOG_ERROR, LOG_TEXT, 2, false};

// Defaults that do not depend on the option table; one tick a millisecond.
static void market_config(struct config *config)
{
    *config = (struct config){0};
    config->simulator.listen = "127.0.0.1:0";
    config->simulator.seed = 1;
    config->simulator.rate = 1000;
    config->simulator.replay = "";
    config->simulator.speed = 1;
    config->simulator.session = "regular";
    config->simulator.silent_cap = true;
    config->simulator.tls_certificate_file = config->simulator.tls_key_file = "";
    config->ingestion.symbols_per_connection = 100;
    config->ingestion.ping_interval_ms = 20000;
    config->ingestion.idle_timeout_ms = 60000;
    config->ingestion.reconnect_min_ms = 5;
    config->ingestion.reconnect_max_ms = 50;
    config->ingestion.tls_ca_file = "";
}

static struct simulator *market_start(const struct config *config, struct metric_registry *metrics)
{
    struct simulator *simulator;
    struct err err;
    if (simulator_start(&simulator, config, &market_quiet, metrics, &err) != OK) fail_msg("%s", err.text);
    return simulator;
}

#endif
