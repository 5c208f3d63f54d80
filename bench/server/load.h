/* SPDX-License-Identifier: MIT */
/*
 * A client that asks for one path over many keep-alive connections, `depth` requests at a time on
 * each: it sends them with one write, and the next ones when all answers are there. One kernel
 * thread, epoll; it counts bytes, having learnt from the first answer how long each is.
 */
#ifndef WEFT_BENCH_SERVER_LOAD_H
#define WEFT_BENCH_SERVER_LOAD_H

#include <stdint.h>

struct load {
	uint16_t port; /* on 127.0.0.1 */
	const char *path;
	int connections, depth;
	int64_t duration_ns;
};

/* Returns how many requests were answered; negative: it could not be done (it has said why). */
long load_run(const struct load *load);

#endif
