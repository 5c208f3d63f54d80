/* SPDX-License-Identifier: MIT */
/*
 * weft serve beside nginx: requests per second of the servers' CPU time, in turn, with the same
 * files and the same client.
 *
 *   usage: server-bench WEFT [--runs N] [--seconds N] [--json]
 *
 * nginx is Debian's (nginx-light), with one worker, no log, and keep-alive without end; weft serve
 * has one processor. A file of 1 KiB over 127.0.0.1; the client runs beside the server, so the time
 * it takes from it does not matter: what counts is what the server used.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define RUNS_MAX 100
#define FILE_BYTES 1024
#define NGINX_PATH "/usr/sbin/nginx"

static const struct bench_case {
	const char *name;
	int connections, depth;
} cases[] = {
	{ "64", 64, 1 },
	{ "1000", 1000, 1 },
	{ "64, pipelined 16", 64, 16 },
};

enum { CASES = sizeof cases / sizeof *cases, WEFT = 0, NGINX = 1, WHO = 2 };

static char folder[] = "/tmp/weft-server-bench.XXXXXX";
static const char *const names[WHO] = { "weft", "nginx" };

/* ---- what is served */

static void write_text(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "w");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void make_folder(void)
{
	char text[FILE_BYTES + 1], path[256];

	if (mkdtemp(folder) == NULL) {
		perror(folder);
		exit(1);
	}
	chmod(folder, 0755);
	snprintf(path, sizeof path, "%s/site", folder);
	mkdir(path, 0755);
	memset(text, 'x', FILE_BYTES);
	text[FILE_BYTES] = '\0';
	write_text("site/file.html", text);
}

static void remove_folder(void)
{
	static const char *const left[] = { "site/file.html", "site",      "nginx.conf",
					    "nginx.pid",      "error.log", "" };
	char path[256];

	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, left[i]);
		remove(path);
	}
}

/* A port that is free now. */
static uint16_t choose_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, bytes) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &bytes) < 0) {
		perror("port");
		exit(1);
	}
	close(fd);
	return ntohs(address.sin_port);
}

/* ---- the servers */

struct server {
	pid_t pid;
	uint16_t port;
};

static pid_t start(char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	return pid;
}

static void start_weft(struct server *server, char *weft)
{
	char site[128], listen[64];

	snprintf(site, sizeof site, "%s/site", folder);
	snprintf(listen, sizeof listen, "127.0.0.1:%u", server->port);
	server->pid = start((char *[]){ weft, "serve", site, "--listen", listen, "--processors",
					"1", "--quiet", NULL });
}

static void start_nginx(struct server *server)
{
	char text[2048], configuration[128];

	snprintf(text, sizeof text,
		 "daemon off; master_process off; worker_processes 1;\n"
		 "error_log %s/error.log; pid %s/nginx.pid;\n"
		 "events { worker_connections 20000; }\n"
		 "http { access_log off; sendfile on; tcp_nopush on; keepalive_timeout 300s;\n"
		 " keepalive_requests 1000000000; types { text/html html; }\n"
		 " open_file_cache max=100 inactive=60s; open_file_cache_valid 60s;\n"
		 " server { listen 127.0.0.1:%u; root %s/site; } }\n",
		 folder, folder, server->port, folder);
	write_text("nginx.conf", text);
	snprintf(configuration, sizeof configuration, "%s/nginx.conf", folder);
	server->pid = start((char *[]){ NGINX_PATH, "-p", folder, "-c", configuration, NULL });
}

static bool wait_for_server(const struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(server->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (int i = 0; i < 500; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool is_there = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

		close(fd);
		if (is_there)
			return true;
		if (waitpid(server->pid, NULL, WNOHANG) != 0)
			return false;
		usleep(10 * 1000);
	}
	return false;
}

/* User and system time of one process, in seconds. */
static double cpu_seconds(pid_t pid)
{
	char path[64], text[1024], *at;
	unsigned long user = 0, system = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	at = strrchr(text, ')');
	if (at != NULL)
		sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		       &system);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Requests per second of the server's CPU time; 0: it did not work. */
static double measure(int who, char *weft, const struct bench_case *row, double seconds)
{
	struct server server = { .port = choose_port() };
	struct load load = { .port = server.port,
			     .path = "/file.html",
			     .connections = row->connections,
			     .depth = row->depth,
			     .duration_ns = 200000000 };
	double cpu, rate = 0;
	long answered;

	if (who == WEFT)
		start_weft(&server, weft);
	else
		start_nginx(&server);
	if (server.pid > 0 && wait_for_server(&server) && load_run(&load) >= 0) {
		load.duration_ns = (int64_t)(seconds * 1e9);
		cpu = cpu_seconds(server.pid);
		answered = load_run(&load);
		cpu = cpu_seconds(server.pid) - cpu;
		if (answered > 0 && cpu > 0)
			rate = (double)answered / cpu;
	}
	if (server.pid > 0) {
		kill(server.pid, SIGTERM);
		waitpid(server.pid, NULL, 0);
	}
	return rate;
}

/* ---- figures */

static int compare(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

static void report(const struct bench_case *row, double rates[WHO][RUNS_MAX], int who_count,
		   int runs, bool json)
{
	double medians[WHO] = { 0 };

	for (int who = 0; who < who_count; who++) {
		qsort(rates[who], (size_t)runs, sizeof(double), compare);
		medians[who] = rates[who][runs / 2];
		if (json)
			printf("{\"bench\":\"server\",\"case\":\"%s\",\"kind\":\"%s\","
			       "\"who\":\"%s\",\"value\":%.0f,\"unit\":\"requests/cpu-s\","
			       "\"runs\":%d,\"min\":%.0f,\"max\":%.0f}\n",
			       row->name, who == WEFT ? "light" : "kernel", names[who],
			       medians[who], runs, rates[who][0], rates[who][runs - 1]);
		else
			printf("%-18s %-6s %10.0f requests/cpu-s  (%.0f to %.0f)\n", row->name,
			       names[who], medians[who], rates[who][0], rates[who][runs - 1]);
	}
	if (!json && medians[NGINX] > 0)
		printf("%-18s weft / nginx %.2f\n", row->name, medians[WEFT] / medians[NGINX]);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static double rates[WHO][RUNS_MAX];
	double seconds = 1;
	struct rlimit limit;
	bool json = false;
	int runs = 5, failed = 0, who_count = WHO;

	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
			runs = atoi(argv[++i]);
		else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			seconds = atof(argv[++i]);
		else
			argc = 0;
	if (argc < 2 || runs < 1 || runs > RUNS_MAX || seconds <= 0) {
		fputs("usage: server-bench WEFT [--runs N] [--seconds N] [--json]\n", stderr);
		return 2;
	}
	if (access(NGINX_PATH, X_OK) != 0) {
		fputs("server-bench: no nginx here (Debian: nginx-light); weft alone\n", stderr);
		who_count = NGINX;
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	signal(SIGPIPE, SIG_IGN);
	make_folder();
	for (int c = 0; c < CASES; c++) {
		for (int run = 0; run < runs; run++)
			for (int who = 0; who < who_count; who++) {
				rates[who][run] = measure(who, argv[1], &cases[c], seconds);
				failed |= rates[who][run] <= 0;
			}
		report(&cases[c], rates, who_count, runs, json);
	}
	remove_folder();
	return failed;
}
