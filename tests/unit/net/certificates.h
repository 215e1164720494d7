// SPDX-License-Identifier: Apache-2.0
// Certificates for tests, made fresh in a temporary folder: an authority, and a server's certificate that it has signed for localhost.
#ifndef FDP_TESTS_CERTIFICATES_H
#define FDP_TESTS_CERTIFICATES_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "../unit.h"

struct certificates {
    char folder[64], ca[96], certificate[96], key[96];
};

static EVP_PKEY *certificates_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    return key;
}

static void certificates_extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *certificates_sign(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, bool authority)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    certificates_extend(certificate, NID_basic_constraints, authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!authority) certificates_extend(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
    return certificate;
}

static void certificates_write(const char *path, X509 *certificate, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    if (certificate) PEM_write_X509(file, certificate);
    if (key) PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

static void certificates_make(struct certificates *c)
{
    snprintf(c->folder, sizeof c->folder, "/tmp/fdp-test-tls-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    snprintf(c->ca, sizeof c->ca, "%s/ca.pem", c->folder);
    snprintf(c->certificate, sizeof c->certificate, "%s/server.pem", c->folder);
    snprintf(c->key, sizeof c->key, "%s/server.key", c->folder);
    EVP_PKEY *ca_key = certificates_key(), *key = certificates_key();
    X509 *ca = certificates_sign("fdp test authority", ca_key, NULL, ca_key, true);
    X509 *certificate = certificates_sign("localhost", key, ca, ca_key, false);
    certificates_write(c->ca, ca, NULL);
    certificates_write(c->certificate, certificate, NULL);
    certificates_write(c->key, NULL, key);
    X509_free(ca);
    X509_free(certificate);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
}

static void certificates_remove(struct certificates *c)
{
    unlink(c->ca);
    unlink(c->certificate);
    unlink(c->key);
    rmdir(c->folder);
}

#endif
