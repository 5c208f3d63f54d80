/* SPDX-License-Identifier: MIT */
/* A module with a thread_local; built with the TLS model that the test is about. */
int *module_value(void);

static __thread int value = 42;

int *module_value(void)
{
	return &value;
}
