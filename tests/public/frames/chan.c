/* SPDX-License-Identifier: MIT */
#include <weft/weft.h>

#include "chan.example"

int main(void)
{
	weft_thread *threads[2];
	int sum = 0;
	weft_chan *jobs;

	if (weft_chan_create(sizeof(struct job), 4, &jobs) < 0)
		return 1;
	for (int i = 0; i < 2; i++)
		if (weft_thread_spawn(work_off, jobs, NULL, &threads[i]) < 0)
			return 1;
	if (hand_out(jobs, 100) < 0)
		return 1;
	for (int i = 0; i < 2; i++) {
		int done = 0;

		weft_thread_join(threads[i], &done);
		sum += done;
	}
	weft_chan_destroy(jobs);
	return sum == 5050 ? 0 : 1;
}
