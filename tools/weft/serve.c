/* SPDX-License-Identifier: MIT */
/* weft serve: a directory over HTTP, and, if asked for, a page that shows what runs beneath. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <weft/server.h>

#include "command.h"
#include "serve/http/admin.h"
#include "serve/http/site.h"
#include "serve/run.h"
#include "serve/signals.h"
#include "sys/sys.h"
#include "sys/tls.h"

#define FDS_BESIDE 192 /* the runtime, the listeners, refused connections, the admin and its own */

static const char help[] =
	"usage: weft serve [DIR] [OPTIONS]\n"
	"\n"
	"Answers HTTP from the files of DIR (here, if none is named) until Ctrl-C.\n"
	"\n"
	"  --listen ADDRESS      where to listen; default 127.0.0.1:8080\n"
	"                        :8080 every interface, [::1]:8080 IPv6, unix:/run/site.sock\n"
	"  --admin ADDRESS       shows schedulers, threads and counters there, say 127.0.0.1:8081\n"
	"  --kind KIND           what the workers are: light, user or kernel; default light\n"
	"  --workers N           how many; default 64 light or user ones, or 4 kernel ones per CPU\n"
	"  --processors N        how many run at once; default: the CPUs\n"
	"  --max-connections N   further ones are told to come back; default 10000\n"
	"  --log                 a line for each request\n"
	"  --quiet               nothing but errors\n"
	"\n"
	"Names that begin with a dot are not served (but for .well-known), nor is anything outside\n"
	"of DIR, whatever links lead there. Ctrl-C finishes what runs; a second one stops at once.\n";

struct options {
	const char *directory, *listen, *admin;
	weft_kind kind;
	unsigned workers, processors, connections_max;
	bool log, quiet;
};

static int fail(const char *what, const char *object, const char *why)
{
	fprintf(stderr, "weft serve: %s '%s': %s\n", what, object, why);
	return 1;
}

static int misuse(const char *what, const char *object)
{
	fprintf(stderr, "weft serve: %s '%s'; 'weft serve --help' lists what there is\n", what,
		object);
	return 2;
}

/* ---- what was asked for */

static bool read_count(const char *text, unsigned max, unsigned *out_count)
{
	char *end;
	unsigned long count;

	errno = 0;
	count = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-' || count < 1 || count > max)
		return false;
	*out_count = (unsigned)count;
	return true;
}

/* Returns 0, or the exit status. */
static int read_value(struct options *options, const char *name, const char *value)
{
	bool good = true;

	if (strcmp(name, "--listen") == 0)
		options->listen = value;
	else if (strcmp(name, "--admin") == 0)
		options->admin = value;
	else if (strcmp(name, "--workers") == 0)
		good = read_count(value, 4096, &options->workers);
	else if (strcmp(name, "--processors") == 0)
		good = read_count(value, 1024, &options->processors);
	else if (strcmp(name, "--max-connections") == 0)
		good = read_count(value, 10000000, &options->connections_max);
	else if (strcmp(value, "light") == 0)
		options->kind = WEFT_LIGHT;
	else if (strcmp(value, "user") == 0)
		options->kind = WEFT_USER;
	else if (strcmp(value, "kernel") == 0)
		options->kind = WEFT_KERNEL;
	else
		good = false;
	if (good)
		return 0;
	fprintf(stderr, "weft serve: %s cannot be '%s'; 'weft serve --help' says what it can be\n",
		name, value);
	return 2;
}

static bool takes_value(const char *name)
{
	static const char *const names[] = { "--listen", "--admin",      "--workers",
					     "--kind",   "--processors", "--max-connections" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* "--name value" and "--name=value". Returns 0; an exit status; -1: help was given. */
static int read_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '=');
		const char *value = NULL;
		int status = 0;

		if (strncmp(argv[i], "--", 2) == 0 && equals != NULL) {
			*equals = '\0';
			value = equals + 1;
		}
		if (takes_value(argv[i])) {
			const char *name = argv[i];

			if (value == NULL && ++i < argc)
				value = argv[i];
			if (value == NULL)
				return misuse("a value is missing after", name);
			status = read_value(options, name, value);
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help, stdout);
			return -1;
		} else if (strcmp(argv[i], "--log") == 0 && value == NULL) {
			options->log = true;
		} else if (strcmp(argv[i], "--quiet") == 0 && value == NULL) {
			options->quiet = true;
		} else if (argv[i][0] == '-' && argv[i][1] != '\0') {
			if (value != NULL)
				*equals = '=';
			return misuse("there is no option", argv[i]);
		} else if (options->directory != NULL) {
			return misuse("one directory is enough, and this is another:", argv[i]);
		} else {
			options->directory = argv[i];
		}
		if (status != 0)
			return status;
	}
	return 0;
}

/* ---- descriptors */

/* Raises the soft limit to what is needed, as far as the hard one allows. */
static int raise_limit(struct options *options, bool is_default)
{
	rlim_t needed = (rlim_t)options->connections_max + FDS_BESIDE;
	struct rlimit limit;

	/* A worker may have a file open. */
	needed += options->workers != 0 ? options->workers : 256;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur < needed) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= needed)
		return 0;
	if (limit.rlim_cur < needed - options->connections_max + 16) {
		fprintf(stderr,
			"weft serve: the limit of %llu open files is too low; raise it (ulimit -Hn)\n",
			(unsigned long long)limit.rlim_cur);
		return 1;
	}
	if (!is_default)
		fprintf(stderr,
			"weft serve: %u connections need %llu open files, and the limit is %llu "
			"(ulimit -Hn): %llu are served\n",
			options->connections_max, (unsigned long long)needed,
			(unsigned long long)limit.rlim_cur,
			(unsigned long long)(limit.rlim_cur - (needed - options->connections_max)));
	options->connections_max = (unsigned)(limit.rlim_cur - (needed - options->connections_max));
	return 0;
}

/* ---- */

static const char *why_not(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "somebody listens there already; choose another port, or end the other program";
	case -EACCES:
		return "not allowed (ports below 1024 are the system's)";
	case -EADDRNOTAVAIL:
		return "this machine does not have that address";
	case -EINVAL:
		return "not an address in numbers, such as 127.0.0.1:8080, [::1]:8080 or :8080";
	default:
		return strerror(-error);
	}
}

static void print_started(const struct options *options, weft_server *server,
			  struct weft__admin *admin)
{
	char address[128];

	if (options->quiet)
		return;
	weft_server_address(server, address, sizeof address);
	printf("weft serves %s on %s%s\n", options->directory,
	       strncmp(address, "unix:", 5) == 0 ? "" : "http://", address);
	if (admin != NULL) {
		weft__admin_address(admin, address, sizeof address);
		printf("what runs beneath:  http://%s\n", address);
	}
	printf("Ctrl-C ends it\n");
	fflush(stdout);
}

static bool is_quiet;

static void notice(int count)
{
	if (is_quiet)
		return;
	fputs(count < 2 ? "\nfinishing what runs; Ctrl-C again stops at once\n" : "\nstopped\n",
	      stdout);
	fflush(stdout);
}

static int fail_user(void)
{
	fprintf(stderr, "weft serve: no user threads here: %s; '--kind light' does without\n",
		weft__sys_tls_why());
	return 1;
}

static int serve_site(const struct options *options, struct weft__http_site *site)
{
	weft_server_options server_options = {
		.name = "site",
		.kind = options->kind,
		.workers = options->workers,
		.processors = options->processors,
		.connections_max = options->connections_max,
		.input_max = WEFT__HTTP_INPUT_BYTES,
		.frame = weft__http_frame,
		.refuse = weft__http_refuse,
		.closed = weft__http_site_closed,
	};
	struct weft__admin *admin = NULL;
	weft_server *server;
	int error;

	error = weft_server_create(options->listen, weft__http_site_serve, site, &server_options,
				   &server);
	if (error == -ENOTSUP && options->kind == WEFT_USER)
		return fail_user();
	if (error < 0)
		return fail("cannot listen at", options->listen, why_not(error));
	if (options->admin != NULL) {
		error = weft__admin_open(options->admin, server, site, &admin);
		if (error < 0) {
			weft_server_stop(server);
			weft_server_destroy(server);
			return fail("cannot listen at", options->admin, why_not(error));
		}
	}
	print_started(options, server, admin);
	weft__server_run_until_signal(server, notice);
	if (admin != NULL)
		weft__admin_close(admin);
	weft_server_destroy(server);
	return 0;
}

int weft__command_serve(int argc, char **argv)
{
	struct options options = { .listen = "127.0.0.1:8080", .kind = WEFT_LIGHT };
	struct weft__http_site *site;
	int status = read_options(argc, argv, &options);
	bool is_default = options.connections_max == 0;
	int error;

	if (status != 0)
		return status < 0 ? 0 : status;
	if (options.directory == NULL)
		options.directory = ".";
	if (is_default)
		options.connections_max = 10000;
	status = raise_limit(&options, is_default);
	if (status != 0)
		return status;
	error = weft__http_site_open(options.directory, &site);
	if (error < 0)
		return fail("cannot serve", options.directory,
			    error == -ENOTDIR ? "not a directory" : strerror(-error));
	site->log = options.log;
	is_quiet = options.quiet;
	error = weft__signals_open();
	if (error < 0) {
		weft__http_site_close(site);
		return fail("cannot wait for", "signals", strerror(-error));
	}
	status = serve_site(&options, site);
	weft__signals_close();
	weft__http_site_close(site);
	return status;
}
