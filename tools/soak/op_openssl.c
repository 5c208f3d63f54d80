/* SPDX-License-Identifier: MIT */
/* OpenSSL's libcrypto: digests, a MAC, and encryption there and back. */
#include "soak.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum { BYTES = 16 << 10, TAG = 16 };

static void digest(struct soak_run *run, const char *name, const void *text)
{
	EVP_MD *kind = EVP_MD_fetch(NULL, name, NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char out[EVP_MAX_MD_SIZE];
	unsigned bytes = 0;

	if (kind == NULL || context == NULL || EVP_DigestInit_ex2(context, kind, NULL) != 1 ||
	    EVP_DigestUpdate(context, text, BYTES) != 1 ||
	    EVP_DigestFinal_ex(context, out, &bytes) != 1)
		soak_fail(run, "%s: error %lx", name, ERR_get_error());
	soak_add(run, out, bytes);
	EVP_MD_CTX_free(context);
	EVP_MD_free(kind);
}

static bool seal(EVP_CIPHER_CTX *context, const unsigned char *key, const unsigned char *text,
		 unsigned char *out_sealed, unsigned char *out_tag)
{
	int bytes, rest;

	return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, key + 32) == 1 &&
	       EVP_EncryptUpdate(context, out_sealed, &bytes, text, BYTES) == 1 &&
	       EVP_EncryptFinal_ex(context, out_sealed + bytes, &rest) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG, out_tag) == 1;
}

static bool unseal(EVP_CIPHER_CTX *context, const unsigned char *key, const unsigned char *sealed,
		   unsigned char *tag, unsigned char *out_text)
{
	int bytes, rest;

	return EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, key + 32) == 1 &&
	       EVP_DecryptUpdate(context, out_text, &bytes, sealed, BYTES) == 1 &&
	       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
	       EVP_DecryptFinal_ex(context, out_text + bytes, &rest) == 1;
}

static void there_and_back(struct soak_run *run, unsigned char *text)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char key[48], tag[TAG], sealed[BYTES];

	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (unsigned char)soak_random(run);
	if (context == NULL || !seal(context, key, text, sealed, tag))
		soak_fail(run, "encryption: error %lx", ERR_get_error());
	soak_add(run, sealed, sizeof sealed);
	soak_add(run, tag, sizeof tag);
	memset(text, 0, BYTES);
	if (context != NULL && !unseal(context, key, sealed, tag, text))
		soak_fail(run, "decryption: error %lx", ERR_get_error());
	EVP_CIPHER_CTX_free(context);
}

static void work(struct soak_run *run)
{
	unsigned char text[BYTES], out[EVP_MAX_MD_SIZE];
	unsigned bytes = 0;

	soak_text(run, (char *)text, sizeof text);
	digest(run, "SHA2-256", text);
	there_and_back(run, text);
	digest(run, "SHA3-512", text); /* of what came back */
	digest(run, "BLAKE2B-512", text);
	if (HMAC(EVP_sha512(), text, 64, text, sizeof text, out, &bytes) == NULL)
		soak_fail(run, "HMAC: error %lx", ERR_get_error());
	soak_add(run, out, bytes);
}

const struct soak_operation soak_openssl = { "openssl", "digests, a MAC, encryption", .run = work };
