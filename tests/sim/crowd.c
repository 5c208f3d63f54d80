/* SPDX-License-Identifier: MIT */
#include "crowd.h"

struct crowd {
	weft_function *user;
	void *arg;
	bool cancels; /* some are cancelled on their way */
};

static void *be_foreign(void *arg)
{
	struct crowd *crowd = arg;

	crowd->user(crowd->arg);
	return NULL;
}

static int crowd_app(void *arg)
{
	static const weft_thread_options kinds[] = { { .kind = WEFT_KERNEL },
						     { .kind = WEFT_LIGHT },
						     { .kind = WEFT_KIND_DEFAULT },
						     { .kind = WEFT_KIND_DEFAULT } };
	struct crowd *crowd = arg;
	weft_thread *threads[USERS];
	weft__sys_thread foreign = { 0 };
	bool has_foreign = weft__sim_choose(2);

	if (has_foreign)
		foreign = engine_foreign(be_foreign, crowd);
	for (int i = 0; i < USERS; i++)
		weft__sim_check(weft_thread_spawn(crowd->user, crowd->arg,
						  &kinds[weft__sim_choose(4)], &threads[i]) == 0);
	if (crowd->cancels)
		for (int i = 0; i < 2; i++) {
			engine_dawdle();
			weft_thread_cancel(threads[weft__sim_choose(USERS)]);
		}
	if (!has_foreign)
		crowd->user(crowd->arg);
	for (int i = 0; i < USERS; i++)
		engine_join(threads[i], 0);
	if (has_foreign) {
		weft_blocking_begin();
		weft__sys_thread_join(foreign);
		weft_blocking_end();
	}
	return 0;
}

static void run(struct crowd *crowd)
{
	weft__sim_check(engine_run(crowd_app, crowd) == 0);
	engine_check_clean();
}

void run_crowd(weft_function *user, void *arg)
{
	struct crowd crowd = { .user = user, .arg = arg };

	run(&crowd);
}

void run_crowd_cancelling(weft_function *user, void *arg)
{
	struct crowd crowd = { .user = user, .arg = arg, .cancels = true };

	run(&crowd);
}
