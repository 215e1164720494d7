// SPDX-License-Identifier: Apache-2.0
// Schemas: any text is a schema or refused for a reason; what is printed is the same schema and prints the same again.
#include <stdlib.h>
#include <string.h>

#include "avro/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct avro_schema *schema, enum avro_strictness strictness)
{
    struct avro_schema *again;
    struct buf first, second;
    struct err err;
    buf_init(&first, 8 << 20);
    buf_init(&second, 8 << 20);
    avro_schema_print(schema, &first);
    // Printing may need more room than the text had: characters are escaped.
    if (!first.full && first.size <= BUF_MAX_SCHEMA_TEXT) {
        if (avro_schema_parse(first.data, first.size, strictness, NULL, 0, &again, &err) != OK) abort();
        avro_schema_print(again, &second);
        if (!avro_schema_equal(schema, again) || !slice_equal(buf_slice(&first), buf_slice(&second))) abort();
        if (avro_schema_fingerprint(schema) != avro_schema_fingerprint(again)) abort();
        avro_schema_free(again);
    }
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum avro_strictness modes[] = {AVRO_LENIENT, AVRO_STRICT};
    bool lenient_took_it = false;
    for (int i = 0; i < 2; i++) {
        struct avro_schema *schema;
        struct err err = {0};
        if (avro_schema_parse((const char *)data, size, modes[i], NULL, 0, &schema, &err) == OK) {
            lenient_took_it |= modes[i] == AVRO_LENIENT;
            // Strict takes nothing that lenient does not.
            if (modes[i] == AVRO_STRICT && !lenient_took_it) abort();
            if (!avro_schema_equal(schema, schema)) abort();
            check(schema, modes[i]);
            avro_schema_free(schema);
        } else if (err.status != REJECT || !err.text[0]) {
            abort();
        }
    }
    return 0;
}
