/* SPDX-License-Identifier: MIT */
/* A C library that lacks something: there are no blocks, and it is said why; or they do with less.
 * Each case in a child, for a process looks once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proc.h"
#include "sys/linux/force.h"
#include "sys/linux/libc.h"
#include "tls_user.h"

static const char *const needed[] = {
	"_thread_db_sizeof_pthread",
	"_thread_db_pthread_tid",
	"_thread_db_pthread_list",
	"_thread_db_pthread_cancelhandling",
	"_thread_db_pthread_specific",
	"_thread_db_pthread_dtvp",
	"_thread_db_sizeof_pthread_key_struct",
	"_thread_db_pthread_key_struct_seq",
	"_thread_db_pthread_key_struct_destr",
	"_thread_db_sizeof_pthread_key_data",
	"_thread_db_pthread_key_data_seq",
	"_thread_db_pthread_key_data_data",
	"_thread_db_pthread_key_data_level2_data",
	"_thread_db_dtv_dtv",
	"_thread_db_dtv_t_pointer_val",
	"_thread_db_dtv_slotinfo_list_next",
	"_thread_db_dtv_slotinfo_list_len",
	"_thread_db_dtv_slotinfo_list_slotinfo",
	"_thread_db_sizeof_dtv_slotinfo",
	"_thread_db_dtv_slotinfo_map",
	"_thread_db_dtv_slotinfo_gen",
	"_thread_db_link_map_l_tls_offset",
	"_thread_db_rtld_global__dl_stack_user",
	"_thread_db_rtld_global__dl_tls_dtv_slotinfo_list",
	"_dl_get_tls_static_info",
	"_dl_allocate_tls",
	"__call_tls_dtors",
	"_rtld_global",
};

/* A child's status: 1, 2, … say which expectation did not hold. */
static void ask_without(void *name)
{
	struct weft__tls_layout layout = { .bytes = 1 };

	weft__sys_force.lacking = name;
	for (int i = 0; i < 2; i++) {
		if (weft__sys_tls_init(&layout) != -ENOTSUP)
			_exit(1);
		if (strstr(weft__sys_tls_why(), name) == NULL)
			_exit(2);
		if (strstr(weft__sys_tls_why(), "the C library") == NULL)
			_exit(3);
		if (layout.bytes != 1)
			_exit(4);
	}
}

static void what_the_library_lacks_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		int status = proc_in_child(ask_without, (void *)(uintptr_t)needed[i]);

		if (status != 0)
			fail_msg("%s: %d", needed[i], status);
	}
}

static void ask_with_all(void *arg)
{
	struct weft__tls_layout layout;

	(void)arg;
	if (weft__sys_tls_init(&layout) != 0 || weft__sys_tls_why()[0] != '\0' ||
	    layout.bytes < weft__libc.record_bytes || weft__libc.threads == NULL)
		_exit(1);
}

static void where_nothing_lacks_there_is_no_why(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(ask_with_all, NULL), 0);
}

/* ---- no list of threads */

static void fork_and_reap(struct user *self)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		free(malloc(100));
		exit(setgid(getgid()) == 0 ? 5 : 6);
	}
	USER_CHECK(self, waitpid(child, &status, 0) == child);
	USER_CHECK(self, WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

/* The child's library unlinks every block but that of the thread that forked. */
static void live_without_list(void *arg)
{
	struct weft__libc_node *node;
	struct user *one;

	(void)arg;
	weft__sys_force.lacking = "list";
	user_init();
	weft__sys_tls_adopt();
	if (weft__libc.threads != NULL)
		_exit(1);
	one = user_make();
	node = (void *)((char *)one->tp - weft__libc.tp_offset + weft__libc.node);
	if (node->next != node || node->prev != node)
		_exit(2);
	if (user_do(one, fork_and_reap, NULL) != 0 || user_do(one, fork_and_reap, NULL) != 0)
		_exit(3);
}

static void a_node_in_no_list_links_to_itself(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(live_without_list, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_library_lacks_is_named),
		cmocka_unit_test(where_nothing_lacks_there_is_no_why),
		cmocka_unit_test(a_node_in_no_list_links_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
