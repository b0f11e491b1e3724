/* Runs the SQL on standard input in a database in memory, and prints the rows. */
#include <stdio.h>
#include "sqlite3.h"

static int print_row(void *unused, int count, char **values, char **names) {
  for (int i = 0; i < count; i++)
    printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
  printf("\n");
  return 0;
}

int main(void) {
  static char text[65536];
  sqlite3 *db;
  char *error = 0;
  text[fread(text, 1, sizeof text - 1, stdin)] = 0;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK)
    return 1;
  if (sqlite3_exec(db, text, print_row, 0, &error) != SQLITE_OK) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  return sqlite3_close(db);
}
