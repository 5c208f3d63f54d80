/* SPDX-License-Identifier: MIT */
/* Two threads hand a turn to each other through two semaphores: light ones, then kernel ones.
 * Prints what a round trip costs. */
#include <stdio.h>
#include <stdlib.h>
#include <weft/weft.h>

struct table {
	weft_sem ping, pong;
	long rounds;
};

static int player(void *arg)
{
	struct table *table = arg;

	for (long i = 0; i < table->rounds; i++) {
		weft_sem_wait(&table->ping);
		weft_sem_wake(&table->pong);
	}
	return 0;
}

static int play(weft_kind kind, const char *what, long rounds)
{
	struct table table = { WEFT_SEM_INIT(0), WEFT_SEM_INIT(0), rounds };
	weft_thread *thread;
	int64_t start_ns;

	if (weft_thread_spawn(player, &table, &(weft_thread_options){ .kind = kind }, &thread) < 0)
		return 1;
	start_ns = weft_now();
	for (long i = 0; i < rounds; i++) {
		weft_sem_wake(&table.ping);
		weft_sem_wait(&table.pong);
	}
	printf("%s threads: %lld ns a round trip\n", what,
	       (long long)((weft_now() - start_ns) / rounds));
	return weft_thread_join(thread, NULL);
}

static int app(void *arg)
{
	return play(WEFT_LIGHT, "light", *(long *)arg);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 100000;

	if (rounds <= 0) {
		fprintf(stderr, "usage: %s [rounds]\n", argv[0]);
		return 2;
	}
	return weft_run(app, &rounds, &(weft_sched_options){ .processors = 1 }) ||
	       play(WEFT_KERNEL, "kernel", rounds / 10 + 1);
}
