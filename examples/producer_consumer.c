/* SPDX-License-Identifier: MIT */
/* A bounded buffer between producers and consumers: one mutex, two condition variables, no thread
 * that waits for ever. */
#include <stdbool.h>
#include <stdio.h>
#include <weft/weft.h>

#define SLOTS 8
#define PRODUCERS 4
#define CONSUMERS 3
#define ITEMS 10000

struct buffer {
	weft_mutex lock;
	weft_cond not_empty, not_full;
	/* guarded by lock */
	long items[SLOTS];
	unsigned first, count;
	int producing;
	long consumed, sum;
};

static int produce(void *arg)
{
	struct buffer *buffer = arg;

	for (long i = 1; i <= ITEMS; i++) {
		weft_mutex_lock(&buffer->lock);
		while (buffer->count == SLOTS)
			weft_cond_wait(&buffer->not_full, &buffer->lock);
		buffer->items[(buffer->first + buffer->count++) % SLOTS] = i;
		weft_cond_wake(&buffer->not_empty);
		weft_mutex_unlock(&buffer->lock);
	}
	weft_mutex_lock(&buffer->lock);
	if (--buffer->producing == 0)
		weft_cond_wake_all(&buffer->not_empty);
	weft_mutex_unlock(&buffer->lock);
	return 0;
}

static int consume(void *arg)
{
	struct buffer *buffer = arg;

	weft_mutex_lock(&buffer->lock);
	for (;;) {
		while (buffer->count == 0 && buffer->producing > 0)
			weft_cond_wait(&buffer->not_empty, &buffer->lock);
		if (buffer->count == 0)
			break;
		buffer->sum += buffer->items[buffer->first];
		buffer->first = (buffer->first + 1) % SLOTS;
		buffer->count--;
		buffer->consumed++;
		weft_cond_wake(&buffer->not_full);
	}
	weft_mutex_unlock(&buffer->lock);
	return 0;
}

static int app(void *arg)
{
	for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
		if (weft_thread_spawn(i < PRODUCERS ? produce : consume, arg, NULL, NULL) < 0)
			return 1;
	return 0;
}

int main(void)
{
	struct buffer buffer = { .producing = PRODUCERS };
	int failed = weft_run(app, &buffer, &(weft_sched_options){ .processors = 2 });

	printf("%ld items, sum %ld\n", buffer.consumed, buffer.sum);
	return failed || buffer.consumed != (long)PRODUCERS * ITEMS ||
	       buffer.sum != (long)PRODUCERS * ITEMS * (ITEMS + 1) / 2;
}
