// SPDX-License-Identifier: Apache-2.0
// Prints one of the documents that are made from the option table: option-documents sample|keys|schema|man. Used by tools/generate.sh.
#include <stdio.h>
#include <string.h>

#include "model/config.h"

int main(int argc, char **argv)
{
    static const char *const names[] = {
        [OPTION_SAMPLE_FILE] = "sample", [OPTION_KEYS] = "keys", [OPTION_JSON_SCHEMA] = "schema", [OPTION_MAN] = "man"};
    for (size_t i = 0; argc == 2 && i < sizeof names / sizeof *names; i++) {
        if (strcmp(argv[1], names[i]) != 0) continue;
        struct buf out;
        buf_init(&out, BUF_MAX_CONFIG_FILE);
        option_write(&config_options, (enum option_document)i, &out);
        bool written = !out.full && fwrite(out.data, 1, out.size, stdout) == out.size && fflush(stdout) == 0;
        buf_fini(&out);
        return written ? 0 : 1;
    }
    fprintf(stderr, "usage: option-documents sample|keys|schema|man\n");
    return 2;
}
