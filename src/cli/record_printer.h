// SPDX-License-Identifier: Apache-2.0
// Records as lines of JSON, decoded with the schema that they were written with.
#ifndef FDP_CLI_RECORD_PRINTER_H
#define FDP_CLI_RECORD_PRINTER_H

#include <stdio.h>

#include "model/batch.h"
#include "streaming/registry.h"

struct record_printer;

struct record_printer *record_printer_new(struct registry_client *registry, FILE *file);
void record_printer_free(struct record_printer *printer);

// {"_partition":0,"_offset":7,"_timestamp":"...","_key":"AAPL","_schema_id":1,"id":"AAPL",...}; what cannot be decoded has its value as
// text or hexadecimal and an "_error" or its headers.
void record_printer_print(struct record_printer *printer, const struct batch *records, uint32_t row, int32_t partition);

#endif
