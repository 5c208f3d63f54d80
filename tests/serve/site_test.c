/* SPDX-License-Identifier: MIT */
/* The example site, as a browser would walk it: every link leads to a file, every anchor to its
 * place. argv[1] is the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weft/server.h>

#include "client.h"
#include "serve/http/site.h"

static char *folder;
static int fd;

static bool has_anchor(const char *page, const char *name)
{
	char id[1024];

	snprintf(id, sizeof id, "id=\"%s\"", name);
	return strstr(page, id) != NULL;
}

static void check_link(const char *page_name, const char *page, const char *link)
{
	char path[512];
	struct answer answer;
	const char *anchor = strchr(link, '#');

	if (strncmp(link, "http://127.0.0.1:8081/", 22) == 0)
		return; /* the admin's page */
	if (strstr(link, "://") != NULL)
		fail_msg("%s: %s is elsewhere", page_name, link);
	if (anchor == link) {
		if (!has_anchor(page, anchor + 1))
			fail_msg("%s: there is no %s", page_name, link);
		return;
	}
	snprintf(path, sizeof path, "/%.*s",
		 anchor != NULL ? (int)(anchor - link) : (int)strlen(link),
		 strcmp(link, "./") == 0 ? "" : link);
	client_get(fd, path, "", &answer);
	if (answer.status != 200 || (anchor != NULL && !has_anchor(answer.body, anchor + 1)))
		fail_msg("%s: %s: %d", page_name, link, answer.status);
	free(answer.body);
}

static void check_page(const char *name)
{
	static const char *const attributes[] = { " href=\"", " src=\"" };
	struct answer answer;
	int links = 0;

	client_get(fd, name, "", &answer);
	assert_int_equal(answer.status, 200);
	for (int i = 0; i < 2; i++)
		for (const char *at = answer.body; (at = strstr(at, attributes[i])) != NULL;) {
			char link[512];

			at += strlen(attributes[i]);
			snprintf(link, sizeof link, "%.*s", (int)strcspn(at, "\""), at);
			check_link(name, answer.body, link);
			links++;
		}
	assert_true(links > 5);
	free(answer.body);
}

static void no_link_is_broken(void **state)
{
	weft_server_options options = { .frame = weft__http_frame,
					.closed = weft__http_site_closed };
	struct weft__http_site *site;
	weft_server *server;
	char address[64];

	(void)state;
	assert_int_equal(weft__http_site_open(folder, &site), 0);
	assert_int_equal(weft_server_create("127.0.0.1:0", weft__http_site_serve, site, &options,
					    &server),
			 0);
	weft_server_address(server, address, sizeof address);
	fd = client_connect(address);
	check_page("/");
	check_page("/wake.html");
	client_close(fd);
	weft_server_destroy(server);
	weft__http_site_close(site);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(no_link_is_broken) };

	if (argc < 2)
		return 2;
	folder = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
