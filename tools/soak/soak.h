/* SPDX-License-Identifier: MIT */
/*
 * Soak: foreign libraries, as Debian ships them, on weft's threads. An operation is a small piece
 * of work by such a library: the same seed gives the same digest. A plain kernel thread works all
 * of them out once; then many threads do them under a short slice, and each digest is compared.
 *
 * An operation takes 0.1 to 5 ms, so that slices end in the middle of it, and needs less than the
 * default stack of a user thread. What does not depend on the seed alone (a total, a shared file)
 * it checks at the end.
 */
#ifndef WEFT_SOAK_SOAK_H
#define WEFT_SOAK_SOAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One run of an operation by one thread. */
struct soak_run {
	uint64_t random; /* what soak_random goes on from; at first the seed */
	uint64_t digest;
	char note[160]; /* what went wrong first; "": nothing */
};

struct soak_operation {
	const char *name, *what;
	/* Once, before anything runs. The folder is empty and its own. 0, or -1: it said why. NULL:
	 * nothing to do. */
	int (*setup)(const char *folder);
	void (*run)(struct soak_run *run);
	/* Once, when the last thread has ended: what shows only then, noted in `run`. May be
	 * NULL. */
	void (*finish)(struct soak_run *run);
	unsigned at_once; /* threads inside at the same time; 0: any number */
};

/* One file each. */
extern const struct soak_operation soak_zlib, soak_zstd, soak_sqlite, soak_openssl, soak_tls,
	soak_expat, soak_iostream, soak_regex, soak_exception, soak_stdio, soak_dlopen, soak_time,
	soak_errno, soak_malloc, soak_pthread, soak_wait;

void soak_begin(struct soak_run *run, uint64_t seed);
uint64_t soak_random(struct soak_run *run);
unsigned soak_below(struct soak_run *run, unsigned bound);

/* Makes it part of the digest. */
void soak_add(struct soak_run *run, const void *bytes, size_t count);
void soak_add_number(struct soak_run *run, uint64_t number);

/* Notes what went wrong, if it is the first. */
void soak_fail(struct soak_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text of words that return, so that there is something to compress; ends with a NUL. */
void soak_text(struct soak_run *run, char *out_text, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
