// SPDX-License-Identifier: Apache-2.0
// Picks the stream's back end by the scheme of streaming.url.
#include "streaming/stream.h"

#include <string.h>

static const struct stream_ops *const back_ends[] = {&stream_embedded, &stream_kafka};
enum { BACK_ENDS = sizeof back_ends / sizeof *back_ends };

enum status stream_open(struct stream **out, const struct stream_params *params, struct err *err)
{
    *out = NULL;
    const char *url = params->config->streaming.url;
    size_t length = strcspn(url, ":");
    struct buf known;
    char shown[100];
    buf_init(&known, 256);
    for (size_t i = 0; i < BACK_ENDS; i++) {
        const char *scheme = back_ends[i]->scheme;
        if (url[length] == ':' && strlen(scheme) == length && !strncmp(scheme, url, length)) {
            buf_fini(&known);
            return back_ends[i]->open(out, params, err);
        }
        buf_printf(&known, "%s%s:", i ? ", " : "", scheme);
    }
    err_set(err, FATAL, ERR_CONFIG, "streaming.url: there is no back end for \"%s\"; it must begin with one of: %.*s",
            text_url_shown(url, shown, sizeof shown), SLICE_ARG(buf_slice(&known)));
    buf_fini(&known);
    return FATAL;
}

void stream_close(struct stream *stream)
{
    if (stream) stream->ops->close(stream);
}
