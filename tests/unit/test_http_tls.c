/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the HTTP client believes: a server with a certificate made here, asked with and without its
 * CA. */
#include "cbsfs/clock.h"
#include "cbsfs/http.h"
#include "cbsfs/loop.h"
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <microhttpd.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char ca_file[] = "/tmp/cbsfs-test-ca-XXXXXX";
static char key_text[4096], certificate_text[4096];
static struct MHD_Daemon *daemon_;
static unsigned served;
static struct loop *loop;

static void take_text(BIO *bio, char *text, size_t size)
{
    int length = BIO_read(bio, text, (int)size - 1);
    text[length > 0 ? length : 0] = '\0';
    BIO_free(bio);
}

/* A certificate for 127.0.0.1, signed by itself. */
static void make_certificate(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *host = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    BIO *key_bio = BIO_new(BIO_s_mem()), *certificate_bio = BIO_new(BIO_s_mem());

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_add_ext(certificate, host, -1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_bio_X509(certificate_bio, certificate), 1);
    take_text(key_bio, key_text, sizeof key_text);
    take_text(certificate_bio, certificate_text, sizeof certificate_text);
    X509_EXTENSION_free(host);
    X509_free(certificate);
    EVP_PKEY_free(key);

    int fd = mkstemp(ca_file);
    size_t length = strlen(certificate_text);
    assert_int_equal(write(fd, certificate_text, length), (ssize_t)length);
    close(fd);
}

static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    static int seen;
    (void)data, (void)url, (void)method, (void)version, (void)upload, (void)upload_size;
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    served++;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(2, (void *)(uintptr_t) "ok", MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

static int group_set_up(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    (void)state;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return 0;
    make_certificate();
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    daemon_ =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, answer, NULL,
                         MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_HTTPS_MEM_KEY, key_text,
                         MHD_OPTION_HTTPS_MEM_CERT, certificate_text, MHD_OPTION_END);
    loop = loop_new();
    return daemon_ && loop ? 0 : -1;
}

static int group_tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    if (daemon_)
        MHD_stop_daemon(daemon_);
    unlink(ca_file);
    return 0;
}

struct result {
    enum http_failure failure;
    int error;
    long status;
    char message[256];
};

static void keep(void *data, const struct http_reply *reply)
{
    struct result *result = data;
    result->failure = reply->failure;
    result->error = reply->error;
    result->status = reply->status;
    snprintf(result->message, sizeof result->message, "%s", reply->message);
    loop_stop(loop);
}

static struct result get(const char *host, const char *trusted)
{
    struct http_settings settings = {
        .ca_file = trusted, .body_limit = 1000, .connect_timeout = 5000, .connection_limit = 4};
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT);
    struct http *http = http_new(loop, &settings);
    struct http_exchange *exchange;
    struct http_request request;
    struct result result = {0};
    char url[100];

    snprintf(url, sizeof url, "https://%s:%u/", host, (unsigned)info->port);
    http_request_init(&request);
    request.method = strdup("POST");
    request.url = strdup(url);
    assert_int_equal(http_start(http, &request, clock_now() + 8000, true, keep, &result, &exchange),
                     0);
    assert_true(run_loop(loop));
    http_free(http);
    return result;
}

static void test_trusted(void **state)
{
    (void)state;
    if (!daemon_)
        skip();
    struct result result = get("127.0.0.1", ca_file);
    assert_string_equal(result.message, "");
    assert_int_equal(result.failure, HTTP_OK);
    assert_int_equal(result.status, 200);
    assert_int_equal(served, 1);
}

static void test_unknown_issuer(void **state)
{
    (void)state;
    if (!daemon_)
        skip();
    unsigned before = served;
    struct result result = get("127.0.0.1", NULL);
    assert_int_equal(result.failure, HTTP_NOT_SENT);
    assert_int_equal(result.error, -EPROTO);
    assert_non_null(strstr(result.message, "certificate"));
    assert_int_equal(served, before);
}

static void test_other_host(void **state)
{
    (void)state;
    if (!daemon_)
        skip();
    unsigned before = served;
    struct result result = get("localhost", ca_file);
    assert_int_equal(result.failure, HTTP_NOT_SENT);
    assert_int_equal(result.error, -EPROTO);
    assert_non_null(strstr(result.message, "localhost"));
    assert_int_equal(served, before);
}

static void test_missing_ca_file(void **state)
{
    (void)state;
    if (!daemon_)
        skip();
    struct result result = get("127.0.0.1", "/nonexistent/ca.pem");
    assert_int_equal(result.failure, HTTP_NOT_SENT);
    assert_int_equal(result.error, -EPROTO);
    assert_non_null(strstr(result.message, "/nonexistent/ca.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trusted),
        cmocka_unit_test(test_unknown_issuer),
        cmocka_unit_test(test_other_host),
        cmocka_unit_test(test_missing_ca_file),
    };
    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
