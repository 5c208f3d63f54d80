/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's libssl: a client and a server in one thread shake hands through memory, each reading
 * what the other wrote, and talk. The key is made at the beginning and signs itself.
 */
#include "soak.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS_MAX = 64, TALK = 4096 };

static SSL_CTX *server_context, *client_context;

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name;

	if (certificate == NULL)
		return NULL;
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -24 * 3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 365 * 24 * 3600);
	X509_set_pubkey(certificate, key);
	name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"soak", -1, -1,
				   0);
	X509_set_issuer_name(certificate, name);
	if (X509_sign(certificate, key, EVP_sha256()) == 0) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

static int make_contexts(const char *folder)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key != NULL ? make_certificate(key) : NULL;

	(void)folder;
	server_context = SSL_CTX_new(TLS_server_method());
	client_context = SSL_CTX_new(TLS_client_method());
	if (certificate == NULL || server_context == NULL || client_context == NULL ||
	    SSL_CTX_use_certificate(server_context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(server_context, key) != 1 ||
	    X509_STORE_add_cert(SSL_CTX_get_cert_store(client_context), certificate) != 1) {
		fprintf(stderr, "weft soak: tls: no key: error %lx\n", ERR_get_error());
		return -1;
	}
	SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return 0;
}

/* 1: done; 0: it waits for the other; -1: failed. */
static int step(struct soak_run *run, SSL *ssl, const char *who)
{
	int result = SSL_do_handshake(ssl);

	if (result == 1)
		return 1;
	if (SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ)
		return 0;
	soak_fail(run, "%s: error %lx, of the certificate %ld", who, ERR_get_error(),
		  SSL_get_verify_result(ssl));
	return -1;
}

static bool shake_hands(struct soak_run *run, SSL *client, SSL *server)
{
	int there = 0, here = 0;

	for (int i = 0; i < ROUNDS_MAX && there >= 0 && here >= 0; i++) {
		there = step(run, client, "client");
		here = step(run, server, "server");
		if (there == 1 && here == 1)
			return true;
	}
	soak_fail(run, "they do not come to an end");
	return false;
}

static void talk(struct soak_run *run, SSL *from, SSL *to)
{
	char said[TALK], heard[TALK] = { 0 };
	int bytes = 0, got = 1;

	soak_text(run, said, sizeof said);
	if (SSL_write(from, said, TALK) != TALK)
		soak_fail(run, "write: error %lx", ERR_get_error());
	for (; bytes < TALK && got > 0; bytes += got)
		got = SSL_read(to, heard + bytes, TALK - bytes);
	if (bytes != TALK || memcmp(said, heard, TALK) != 0)
		soak_fail(run, "heard something else than was said: %d bytes, error %lx", bytes,
			  ERR_get_error());
	soak_add(run, heard, sizeof heard);
}

static void connect_both(struct soak_run *run, SSL *client, SSL *server)
{
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

	if (up == NULL || down == NULL) {
		soak_fail(run, "no memory");
		BIO_free(up);
		BIO_free(down);
		return;
	}
	BIO_up_ref(up);
	BIO_up_ref(down);
	SSL_set_bio(client, down, up);
	SSL_set_bio(server, up, down);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	if (!shake_hands(run, client, server))
		return;
	talk(run, client, server);
	talk(run, server, client);
	soak_add_number(run, (uint64_t)SSL_version(client));
	soak_add(run, SSL_get_cipher(server), strlen(SSL_get_cipher(server)));
	if (SSL_shutdown(client) < 0 || SSL_shutdown(server) < 0)
		soak_fail(run, "shutdown: error %lx", ERR_get_error());
}

static void handshake(struct soak_run *run)
{
	SSL *client = SSL_new(client_context), *server = SSL_new(server_context);

	ERR_clear_error();
	if (client != NULL && server != NULL)
		connect_both(run, client, server);
	else
		soak_fail(run, "no memory");
	SSL_free(client);
	SSL_free(server);
}

static void take_away(struct soak_run *run)
{
	(void)run;
	SSL_CTX_free(client_context);
	SSL_CTX_free(server_context);
}

const struct soak_operation soak_tls = { "tls", "OpenSSL shakes hands with itself, and talks",
					 .setup = make_contexts, .run = handshake,
					 .finish = take_away };
