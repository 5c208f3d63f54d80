/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/weft.h>

#include "blocking.example"

static int app(void *arg)
{
	pid_t child = fork();
	int status;

	(void)arg;
	if (child == 0)
		_exit(7);
	status = wait_for(child);
	return WEXITSTATUS(status) == 7 && wait_for(child) == -ECHILD ? 0 : 1;
}

int main(void)
{
	return weft_run(app, NULL, NULL);
}
