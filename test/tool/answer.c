/* Answers without reading: answer [-d MS] TEXT writes the text and a line end, after that time. */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct timespec ts = { 0, 0 };
	char line[4096];
	int option, n;

	while ((option = getopt(argc, argv, "d:")) != -1) {
		if (option != 'd')
			return 2;
		ts.tv_sec = atol(optarg) / 1000;
		ts.tv_nsec = atol(optarg) % 1000 * 1000000;
	}
	nanosleep(&ts, NULL);
	n = snprintf(line, sizeof(line), "%s\n", optind < argc ? argv[optind] : "");
	return write(STDOUT_FILENO, line, (size_t)n) != n;
}
