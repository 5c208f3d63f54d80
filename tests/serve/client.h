/* SPDX-License-Identifier: MIT */
/* A plain client: blocking sockets, no weft in it. Every wait ends after PATIENCE, and the test
 * with it. */
#ifndef WEFT_TESTS_SERVE_CLIENT_H
#define WEFT_TESTS_SERVE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CLIENT_PATIENCE_S 20

int client_connect(const char *address); /* "127.0.0.1:port" */
/* The same in two steps. */
int client_socket(void);
void client_connect_socket(int fd, const char *address);
bool client_try_connect(int fd, const char *address);

void client_send(int fd, const char *text);
void client_send_bytes(int fd, const void *bytes, size_t count);
/* Up to count bytes; 0: the end; -1: broken off. */
ssize_t client_receive(int fd, void *out, size_t count);
void client_expect(int fd, const char *text); /* exactly this comes */
void client_expect_end(int fd);               /* the server closes, in order */
bool client_is_silent(int fd);                /* nothing is there now, and it is open */

/* One HTTP answer. */
struct answer {
	int status;
	bool closes;
	char head[4096];
	char *body; /* free it */
	size_t body_bytes;
};
/* The next answer; `has_body`: the request was no HEAD. It keeps what comes after in a store for
 * that fd. */
void client_answer(int fd, bool has_body, struct answer *out);
/* "" if it is not there */
const char *answer_header(const struct answer *answer, const char *name);
void client_close(int fd);

/* Request and answer. */
void client_get(int fd, const char *path, const char *headers, struct answer *out);

#endif
