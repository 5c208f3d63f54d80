/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "owned_mutex.example"

static int end_in_the_middle(void *arg)
{
	(void)arg;
	if (weft_owned_mutex_lock(&lock) != 0)
		return 1;
	balance += 5;
	return 0;
}

int main(void)
{
	weft_thread *thread;
	int result = 1;

	weft_owned_mutex_init(&lock, &(weft_owned_mutex_options){ .robust = true });
	if (weft_thread_spawn(end_in_the_middle, NULL, NULL, &thread) < 0)
		return 1;
	weft_thread_join(thread, &result);
	if (result != 0 || deposit(10) != 0 || deposit(1) != 0)
		return 1;
	weft_owned_mutex_fini(&lock);
	return balance != 16 || twin != 16;
}
