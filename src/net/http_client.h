// SPDX-License-Identifier: Apache-2.0
// One HTTP request at a time over libcurl, with limits on time and size. A client is one thread's.
#ifndef FDP_NET_HTTP_CLIENT_H
#define FDP_NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

struct http_client;

struct http_client *http_client_new(int64_t timeout_ms);
void http_client_free(struct http_client *client);

// Fills `status` and `body` (at most BUF_MAX_HTTP_REPLY). `content_type` and `body_out` may be NULL for requests without a body.
// RETRY / `code` when there was no whole answer: the text says what was tried and what came back.
enum status http_client_request(struct http_client *client, const char *method, const char *url, const char *content_type,
                                struct slice request_body, int *status, struct buf *body, enum err_code code, struct err *err) MUST_CHECK;

// Percent-encodes one path segment.
void http_encode_segment(const char *segment, struct buf *out);

#endif
