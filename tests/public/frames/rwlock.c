/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "rwlock.example"

static int move_bounds(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		set_bounds(i, i + 1);
	return 0;
}

static int look_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		if (is_between(-1) || is_between(1001))
			return 1;
	return 0;
}

int main(void)
{
	weft_thread *threads[4];
	int failed = 0, result = 0;

	for (int i = 0; i < 4; i++)
		if (weft_thread_spawn(i == 0 ? move_bounds : look_often, NULL, NULL, &threads[i]) <
		    0)
			return 1;
	for (int i = 0; i < 4; i++) {
		weft_thread_join(threads[i], &result);
		failed |= result;
	}
	return failed || !is_between(999) || !is_between(1000) || is_between(998);
}
