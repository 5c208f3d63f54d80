/* SPDX-License-Identifier: MIT */
/*
 * SQLite: one file, a few connections in serialized mode, many threads. Each inserts rows of its
 * own within a transaction, sums them up, adds the sum to a total, and takes the rows away again;
 * at the end the total is the sum of all sums, no row is left, and the file is whole.
 */
#include "soak.h"

#include <pthread.h>
#include <stdio.h>
#include <sqlite3.h>

#include "base/atomic.h"

enum { CONNECTIONS = 8, BUSY_MS = 60000, ROWS_MAX = 24 };

static struct connection {
	pthread_mutex_t lock; /* around a transaction: it belongs to the connection */
	sqlite3 *db;
} connections[CONNECTIONS];

static uint64_t tickets, expected_total, turns;

static int open_connection(struct connection *connection, const char *path)
{
	pthread_mutex_init(&connection->lock, NULL);
	if (sqlite3_open_v2(path, &connection->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
			    NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(connection->db, BUSY_MS) != SQLITE_OK ||
	    sqlite3_exec(connection->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;",
			 NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "weft soak: sqlite: %s: %s\n", path,
			sqlite3_errmsg(connection->db));
		return -1;
	}
	return 0;
}

static int open_all(const char *folder)
{
	static const char tables[] =
		"CREATE TABLE rows (ticket INTEGER, place INTEGER, value INTEGER, text TEXT);"
		"CREATE INDEX by_ticket ON rows (ticket, place);"
		"CREATE TABLE total (sum INTEGER); INSERT INTO total VALUES (0);";
	char path[4096];

	snprintf(path, sizeof path, "%s/soak.db", folder);
	for (int i = 0; i < CONNECTIONS; i++)
		if (open_connection(&connections[i], path) < 0)
			return -1;
	if (sqlite3_exec(connections[0].db, tables, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "weft soak: sqlite: %s\n", sqlite3_errmsg(connections[0].db));
		return -1;
	}
	return 0;
}

static void execute(struct soak_run *run, sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		soak_fail(run, "%.60s: %s", text, sqlite3_errmsg(db));
}

/* Runs one statement with a number at ?1; what it selects becomes part of the digest and is
 * returned. */
static int64_t ask(struct soak_run *run, sqlite3 *db, const char *text, uint64_t number)
{
	sqlite3_stmt *statement = NULL;
	int64_t last = 0;
	int code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);

	if (code == SQLITE_OK)
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(statement);
		if (code != SQLITE_ROW)
			break;
		last = sqlite3_column_int64(statement, 0);
		soak_add_number(run, (uint64_t)last);
	}
	if (code != SQLITE_DONE)
		soak_fail(run, "%.60s: %s", text, sqlite3_errmsg(db));
	sqlite3_finalize(statement);
	return last;
}

static void insert(struct soak_run *run, sqlite3 *db, uint64_t ticket)
{
	unsigned rows = 4 + soak_below(run, ROWS_MAX - 4);
	sqlite3_stmt *statement = NULL;
	char text[64];

	if (sqlite3_prepare_v2(db, "INSERT INTO rows VALUES (?1, ?2, ?3, ?4)", -1, &statement,
			       NULL) != SQLITE_OK)
		soak_fail(run, "prepare: %s", sqlite3_errmsg(db));
	for (unsigned place = 0; place < rows && statement != NULL; place++) {
		soak_text(run, text, sizeof text);
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)ticket);
		sqlite3_bind_int64(statement, 2, place);
		sqlite3_bind_int64(statement, 3, soak_below(run, 1000000));
		sqlite3_bind_text(statement, 4, text, -1, SQLITE_TRANSIENT);
		if (sqlite3_step(statement) != SQLITE_DONE)
			soak_fail(run, "insert: %s", sqlite3_errmsg(db));
		sqlite3_reset(statement);
	}
	sqlite3_finalize(statement);
}

static struct connection *take_connection(void)
{
	unsigned first = (unsigned)atomic_add_relaxed(&turns, 1);

	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (pthread_mutex_trylock(&connections[(first + i) % CONNECTIONS].lock) == 0)
			return &connections[(first + i) % CONNECTIONS];
	pthread_mutex_lock(&connections[first % CONNECTIONS].lock);
	return &connections[first % CONNECTIONS];
}

static void transact(struct soak_run *run)
{
	uint64_t ticket = atomic_add_relaxed(&tickets, 1);
	struct connection *connection = take_connection();
	sqlite3 *db = connection->db;
	int64_t sum;

	execute(run, db, "BEGIN IMMEDIATE");
	insert(run, db, ticket);
	execute(run, db, "COMMIT");
	ask(run, db, "SELECT value + length(text) FROM rows WHERE ticket = ?1 ORDER BY place DESC",
	    ticket);
	execute(run, db, "BEGIN IMMEDIATE");
	sum = ask(run, db, "SELECT sum(value) FROM rows WHERE ticket = ?1", ticket);
	ask(run, db, "UPDATE total SET sum = sum + ?1", (uint64_t)sum);
	ask(run, db, "DELETE FROM rows WHERE ticket = ?1", ticket);
	execute(run, db, "COMMIT");
	pthread_mutex_unlock(&connection->lock);
	atomic_add_relaxed(&expected_total, (uint64_t)sum);
}

static int is_ok(void *arg, int columns, char **values, char **names)
{
	(void)columns;
	(void)names;
	if (values[0] == NULL || values[0][0] != 'o' || values[0][1] != 'k')
		soak_fail(arg, "integrity: %s", values[0] != NULL ? values[0] : "");
	return 0;
}

static void check(struct soak_run *run)
{
	sqlite3 *db = connections[0].db;
	int64_t rows = ask(run, db, "SELECT count(*) FROM rows", 0);
	int64_t total = ask(run, db, "SELECT sum FROM total", 0);

	if (rows != 0)
		soak_fail(run, "%lld rows are left", (long long)rows);
	if ((uint64_t)total != expected_total)
		soak_fail(run, "the total is %lld instead of %llu", (long long)total,
			  (unsigned long long)expected_total);
	if (sqlite3_exec(db, "PRAGMA integrity_check", is_ok, run, NULL) != SQLITE_OK)
		soak_fail(run, "integrity: %s", sqlite3_errmsg(db));
	for (int i = 0; i < CONNECTIONS; i++) {
		if (sqlite3_close(connections[i].db) != SQLITE_OK)
			soak_fail(run, "connection %d does not close", i);
		pthread_mutex_destroy(&connections[i].lock);
	}
}

const struct soak_operation soak_sqlite = {
	"sqlite",          "transactions of many threads on one file",
	.setup = open_all, .run = transact,
	.finish = check,   .at_once = 32
};
