// SPDX-License-Identifier: Apache-2.0
// TLS: looks into certificate and key files before libwebsockets does (it would only say that something is wrong), and makes the
// context of clients for it (its own is not freed when a process has two loops, and loads the system's certificates for servers too).
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/websocket_private.h"

static enum status open_file(FILE **file, const char *path, const char *what, enum err_code code, struct err *err)
{
    *file = fopen(path, "re");
    return *file ? OK : err_set(err, FATAL, code, "cannot read the %s %s: %s", what, path, strerror(errno));
}

// The first certificate of a PEM file.
static enum status read_certificate(X509 **certificate, const char *path, const char *what, enum err_code code, struct err *err)
{
    FILE *file;
    TRY(open_file(&file, path, what, code, err));
    *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    return *certificate ? OK : err_set(err, FATAL, code, "the %s %s holds no certificate in PEM form", what, path);
}

static int no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1; // else it would ask on the terminal
}

static enum status read_key(EVP_PKEY **key, const char *path, enum err_code code, struct err *err)
{
    FILE *file;
    TRY(open_file(&file, path, "TLS key", code, err));
    *key = PEM_read_PrivateKey(file, NULL, no_password, NULL);
    fclose(file);
    return *key ? OK : err_set(err, FATAL, code, "the TLS key %s holds no private key in PEM form, or one with a password", path);
}

static enum status trust(SSL_CTX *context, const char *ca_file, enum err_code code, struct err *err)
{
    X509 *certificate;
    if (!ca_file || !*ca_file) {
        if (SSL_CTX_set_default_verify_paths(context) == 1) return OK;
        return err_set(err, FATAL, code,
                       "cannot read the system's certificate authorities; name a file of them, or install ca-certificates");
    }
    TRY(read_certificate(&certificate, ca_file, "file of certificate authorities", code, err));
    X509_free(certificate);
    if (SSL_CTX_load_verify_locations(context, ca_file, NULL) == 1) return OK;
    return err_set(err, FATAL, code, "the file of certificate authorities %s holds something else besides", ca_file);
}

enum status websocket_client_context(struct ssl_ctx_st **out, bool used, const char *ca_file, enum err_code code, struct err *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) abort();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    enum status status = used ? trust(context, ca_file, code, err) : OK;
    if (status == OK)
        *out = context;
    else
        SSL_CTX_free(context);
    return status;
}

void websocket_client_context_free(struct ssl_ctx_st *context)
{
    SSL_CTX_free(context);
}

enum status websocket_check_certificate(const char *certificate_file, const char *key_file, enum err_code code, struct err *err)
{
    X509 *certificate;
    EVP_PKEY *key;
    if (!key_file || !*key_file)
        return err_set(err, FATAL, code, "a TLS certificate is named (%s), but no key that belongs to it", certificate_file);
    TRY(read_certificate(&certificate, certificate_file, "TLS certificate", code, err));
    enum status status = read_key(&key, key_file, code, err);
    if (status == OK) {
        if (X509_check_private_key(certificate, key) != 1)
            status = err_set(err, FATAL, code, "the TLS key %s does not belong to the certificate %s", key_file, certificate_file);
        EVP_PKEY_free(key);
    }
    X509_free(certificate);
    return status;
}
