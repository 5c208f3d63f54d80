/* SPDX-License-Identifier: MIT */
/* Nothing outside of the root is opened, whatever links lead there; with openat2 and by hand. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "serve/http/open.h"

/* OK: the file is opened and holds its own name. */
#define OK 1

static const struct {
	const char *path;
	int result, other; /* other: what it may be as well */
} cases[] = {
	{ "file", OK, 0 },
	{ "sub/file", OK, 0 },
	{ "sub//file", OK, 0 },
	{ "sub/./file", OK, 0 },
	{ "sub/../file", OK, 0 },
	{ "", -EISDIR, 0 },
	{ "sub", -EISDIR, 0 },
	{ "sub/", -EISDIR, 0 },
	{ "none", -ENOENT, 0 },
	{ "none/file", -ENOENT, 0 },
	{ "file/", -ENOTDIR, 0 },
	{ "file/x", -ENOTDIR, 0 },
	{ "..", -EXDEV, 0 },
	{ "../root/file", -EXDEV, 0 },
	{ "sub/../../outside/secret", -EXDEV, 0 },
	{ "link", OK, 0 },        /* to file */
	{ "sub/up", OK, 0 },      /* to ../file */
	{ "dir/file", OK, 0 },    /* dir: to sub */
	{ "chain1", OK, 0 },      /* to chain2 to link to file */
	{ "out", -EXDEV, 0 },     /* to ../outside/secret */
	{ "sub/out", -EXDEV, 0 }, /* to ../../outside/secret */
	{ "outdir/secret", -EXDEV, 0 },
	{ "absolute", -EXDEV, 0 },      /* to /etc/passwd */
	{ "rootlink/file", -EXDEV, 0 }, /* to the root itself, by its absolute name */
	{ "bounce", -EXDEV, 0 },        /* to ../root/file: out and in again */
	{ "chainout", -EXDEV, 0 },
	{ "loop", -ELOOP, 0 },
	{ "broken", -ENOENT, 0 },
	{ "fifo", -EPERM, 0 },
	{ "fifolink", -EPERM, 0 },
	{ "device", -EXDEV, 0 },     /* to /dev/null */
	{ "magic", -EXDEV, -ELOOP }, /* to /proc/self/root */
};

static int root;

static int build(void **state)
{
	char absolute[4096];

	(void)state;
	folder_create();
	folder_print("outside/secret", "secret");
	folder_print("root/file", "file");
	folder_print("root/sub/file", "file");
	folder_link("root/link", "file");
	folder_link("root/sub/up", "../file");
	folder_link("root/dir", "sub");
	folder_link("root/chain1", "chain2");
	folder_link("root/chain2", "./link");
	folder_link("root/out", "../outside/secret");
	folder_link("root/sub/out", "../../outside/secret");
	folder_link("root/outdir", "../outside");
	folder_link("root/absolute", "/etc/passwd");
	snprintf(absolute, sizeof absolute, "%s", folder_path("root"));
	folder_link("root/rootlink", absolute);
	folder_link("root/bounce", "../root/file");
	folder_link("root/chainout", "out");
	folder_link("root/loop", "loop");
	folder_link("root/broken", "nothing");
	mkfifo(folder_path("root/fifo"), 0666);
	folder_link("root/fifolink", "fifo");
	folder_link("root/device", "/dev/null");
	folder_link("root/magic", "/proc/self/root");
	root = open(folder_path("root"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0;
}

static int take_down(void **state)
{
	(void)state;
	close(root);
	folder_destroy();
	return 0;
}

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void try_all(void)
{
	int fds = count_fds();

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[16] = "";
		struct stat stat;
		int fd = weft__http_open(root, cases[i].path, &stat);

		if (fd >= 0) {
			assert_int_equal(read(fd, text, sizeof text - 1), 4);
			assert_int_equal(stat.st_size, 4);
			assert_true(S_ISREG(stat.st_mode));
			close(fd);
		}
		if (cases[i].result == OK ? fd < 0 || strcmp(text, "file") != 0
					  : fd != cases[i].result &&
						    (cases[i].other == 0 || fd != cases[i].other))
			fail_msg("'%s': %d '%s'", cases[i].path, fd, text);
	}
	assert_int_equal(count_fds(), fds);
}

static void what_leads_out_is_not_opened(void **state)
{
	(void)state;
	weft__http_open_has_openat2 = true;
	try_all();
}

static void nor_is_it_without_openat2(void **state)
{
	(void)state;
	weft__http_open_has_openat2 = false;
	try_all();
	weft__http_open_has_openat2 = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_leads_out_is_not_opened),
		cmocka_unit_test(nor_is_it_without_openat2),
	};

	return cmocka_run_group_tests(tests, build, take_down);
}
