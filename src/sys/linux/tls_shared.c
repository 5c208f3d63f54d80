/* SPDX-License-Identifier: MIT */
/* Under the sanitizers: user threads share their carrier's block, where those keep state of their
 * own. Stands in the place of tls.c. */
#include "sys/tls.h"
#include "thread_pointer.h"

bool weft__sys_tls_is_quick;

int weft__sys_tls_init(struct weft__tls_layout *out_layout)
{
	*out_layout = (struct weft__tls_layout){ .bytes = 0, .align = 1, .is_kept = false };
	return 0;
}

const char *weft__sys_tls_why(void)
{
	return "";
}

int weft__sys_tls_create(void *at, void *stack_low, size_t stack_bytes, void **out_pointer)
{
	*out_pointer = NULL;
	return 0;
}

void weft__sys_tls_begin(void)
{
}

void weft__sys_tls_end(void)
{
}

void weft__sys_tls_adopt(void)
{
}

void *weft__sys_tls_get(void)
{
	return weft__arch_tp();
}

void weft__sys_tls_set(void *pointer)
{
}

void weft__sys_tls_self_set(void *pointer, void *thread)
{
}
