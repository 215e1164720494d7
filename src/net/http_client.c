// SPDX-License-Identifier: Apache-2.0
// HTTP client: one libcurl handle, reused, so that a connection is kept open.
#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct http_client {
    CURL *easy; // made with the first request: most clients of a quiet process never ask anything
    int64_t timeout_ms;
    char reason[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

// Answering less than what came ends the transfer.
static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    (void)size; // always 1
    struct buf *body = context;
    buf_append(body, data, count);
    return body->full ? 0 : count;
}

struct http_client *http_client_new(int64_t timeout_ms)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (!client) abort();
    client->timeout_ms = timeout_ms;
    return client;
}

static void need_curl(struct http_client *client)
{
    if (client->easy) return;
    pthread_once(&curl_once, curl_start);
    client->easy = curl_easy_init();
    if (!client->easy) abort();
    curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, client->reason);
    curl_easy_setopt(client->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->easy, CURLOPT_TIMEOUT_MS, (long)client->timeout_ms);
    curl_easy_setopt(client->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)client->timeout_ms);
    curl_easy_setopt(client->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(client->easy, CURLOPT_PROTOCOLS_STR, "http,https");
}

void http_client_free(struct http_client *client)
{
    if (!client) return;
    curl_easy_cleanup(client->easy);
    free(client);
}

// A proxy of the environment is for the world outside, never for this machine.
static bool is_loopback(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    bool loopback = false;
    if (parts && !curl_url_set(parts, CURLUPART_URL, url, 0) && !curl_url_get(parts, CURLUPART_HOST, &host, 0))
        loopback = !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]");
    curl_free(host);
    curl_url_cleanup(parts);
    return loopback;
}

static struct curl_slist *headers_for(const char *content_type)
{
    // No waiting for "100 Continue".
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    if (!content_type) return headers;
    struct buf line;
    buf_init(&line, 256);
    buf_printf(&line, "Content-Type: %s", content_type);
    buf_append_byte(&line, '\0');
    if (!line.full) headers = curl_slist_append(headers, line.data);
    buf_fini(&line);
    return headers;
}

enum status http_client_request(struct http_client *client, const char *method, const char *url, const char *content_type,
                                struct slice request_body, int *status, struct buf *body, enum err_code code, struct err *err)
{
    struct buf nowhere;
    buf_init(&nowhere, BUF_MAX_HTTP_REPLY);
    struct buf *into = body ? body : &nowhere;
    buf_reset(into);
    struct curl_slist *headers = headers_for(content_type);
    bool has_body = request_body.size || !strcmp(method, "POST") || !strcmp(method, "PUT");
    need_curl(client);
    client->reason[0] = '\0';
    curl_easy_setopt(client->easy, CURLOPT_URL, url);
    curl_easy_setopt(client->easy, CURLOPT_NOPROXY, is_loopback(url) ? "*" : NULL);
    curl_easy_setopt(client->easy, CURLOPT_HTTPGET, 1L); // forgets the request before
    curl_easy_setopt(client->easy, CURLOPT_NOBODY, 0L);
    if (has_body) {
        curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, request_body.size ? request_body.data : "");
        curl_easy_setopt(client->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request_body.size);
    } else if (!strcmp(method, "HEAD")) {
        curl_easy_setopt(client->easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(client->easy, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->easy, CURLOPT_WRITEDATA, into);
    CURLcode result = curl_easy_perform(client->easy);
    long response = 0;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &response);
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(headers);
    bool too_large = into->full;
    buf_fini(&nowhere);
    if (status) *status = (int)response;
    char shown[TEXT_URL_BYTES];
    text_url_shown(url, shown, sizeof shown);
    if (too_large) return err_set(err, RETRY, code, "%s %s: the answer is larger than %zu bytes", method, shown, into->max);
    if (result != CURLE_OK)
        return err_set(err, RETRY, code, "%s %s: %s", method, shown, *client->reason ? client->reason : curl_easy_strerror(result));
    return OK;
}
