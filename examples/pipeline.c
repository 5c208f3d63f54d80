/* SPDX-License-Identifier: MIT */
/*
 * Three stages over two channels: read lines, make them loud, print them. Each runs on while the
 * next one has room. At the end of the input, or at Ctrl-C, reading stops, the first channel is
 * closed, and what is under way goes to its end: stage by stage, nothing is lost.
 *
 *	pipeline <FILE
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include <weft/weft.h>

#define ROOM 8 /* lines in each channel */

struct pipeline {
	weft_chan *raw, *loud; /* of char *, which who receives it frees */
	weft_scope reading;    /* cancelled by Ctrl-C */
	int signals;           /* a signalfd */
	long lines;            /* the printer's */
};

/* Says to the next stage that nothing more comes. */
static void close_chan(void *chan)
{
	weft_chan_close(chan);
}

/* Passes on what has been read, even if Ctrl-C comes now: in a shield. -EPIPE: the next stage has
 * ended early. */
static int send_line(weft_chan *chan, const char *text, size_t bytes)
{
	char *line = malloc(bytes + 1);
	weft_shield shield;
	int failed;

	if (line == NULL)
		return -ENOMEM;
	memcpy(line, text, bytes);
	line[bytes] = '\0';
	weft_shield_enter(&shield);
	failed = weft_chan_send(chan, &line);
	weft_shield_leave(&shield);
	if (failed < 0)
		free(line); /* it was not sent */
	return failed;
}

/* Stage 1. */
static int read_lines(struct pipeline *pipeline)
{
	char text[4096], *end;
	size_t have = 0;
	ssize_t got;
	int failed = 0;

	while (failed == 0 && (got = weft_read(0, text + have, sizeof text - have)) > 0) {
		have += (size_t)got;
		while (failed == 0 && ((end = memchr(text, '\n', have)) || have == sizeof text)) {
			size_t bytes = end != NULL ? (size_t)(end + 1 - text) : have;

			failed = send_line(pipeline->raw, text, bytes);
			have -= bytes;
			memmove(text, text + bytes, have);
		}
	}
	return failed == 0 && have > 0 ? send_line(pipeline->raw, text, have) : failed;
}

/* Stage 2. */
static int make_loud(void *arg)
{
	struct pipeline *pipeline = arg;
	int failed = 0;
	char *line;

	WEFT_DEFER(close_chan, pipeline->loud);
	WEFT_DEFER(close_chan, pipeline->raw);
	while (failed == 0 && weft_chan_recv(pipeline->raw, &line) == 0) {
		for (char *at = line; *at != '\0'; at++)
			*at = (char)toupper((unsigned char)*at);
		failed = weft_chan_send(pipeline->loud, &line);
		if (failed < 0)
			free(line);
	}
	return failed;
}

/* Stage 3. */
static int print(void *arg)
{
	struct pipeline *pipeline = arg;
	int failed = 0;
	char *line;

	WEFT_DEFER(close_chan, pipeline->loud);
	while (failed == 0 && weft_chan_recv(pipeline->loud, &line) == 0) {
		failed = weft_write_all(1, line, strlen(line));
		pipeline->lines++;
		free(line);
	}
	return failed;
}

static int await_signal(void *arg)
{
	struct pipeline *pipeline = arg;
	struct signalfd_siginfo signal;

	if (weft_read(pipeline->signals, &signal, sizeof signal) > 0)
		weft_scope_cancel(&pipeline->reading);
	return 0;
}

static int app(void *arg)
{
	struct pipeline *pipeline = arg;
	weft_group stages = WEFT_GROUP_INIT;
	weft_thread *watcher;
	weft_shield shield;
	int failed, cancelled;

	weft_scope_enter(&pipeline->reading, WEFT_FOREVER);
	failed = weft_thread_spawn(await_signal, pipeline, NULL, &watcher);
	if (failed == 0) {
		failed = weft_group_spawn(&stages, make_loud, pipeline, NULL, NULL);
		if (failed == 0)
			failed = weft_group_spawn(&stages, print, pipeline, NULL, NULL);
		if (failed == 0)
			failed = read_lines(pipeline);
		weft_shield_enter(&shield);
		weft_thread_cancel(watcher); /* it knows the scope, so it ends before that does */
		weft_thread_join(watcher, NULL);
		weft_shield_leave(&shield);
	}
	cancelled = weft_scope_leave(&pipeline->reading);
	weft_chan_close(pipeline->raw);
	if (weft_group_join(&stages) < 0 || failed < 0)
		return 1;
	printf("%ld lines%s\n", pipeline->lines, cancelled < 0 ? ", then it was stopped" : "");
	return 0;
}

int main(void)
{
	struct pipeline pipeline = { .lines = 0 };
	sigset_t interrupt;
	int failed;

	/* before there are other kernel threads, which inherit it */
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigprocmask(SIG_BLOCK, &interrupt, NULL);
	pipeline.signals = signalfd(-1, &interrupt, SFD_NONBLOCK | SFD_CLOEXEC);
	if (pipeline.signals < 0 || weft_chan_create(sizeof(char *), ROOM, &pipeline.raw) < 0 ||
	    weft_chan_create(sizeof(char *), ROOM, &pipeline.loud) < 0)
		return 1;
	failed = weft_run(app, &pipeline, NULL);
	weft_chan_destroy(pipeline.raw);
	weft_chan_destroy(pipeline.loud);
	return failed;
}
