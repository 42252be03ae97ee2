#include "core/sys/machine.h"

#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const int64_t second = 1000000000;

static bool
is_stale(int64_t *until, int64_t now)
{
	if (now < *until)
		return false;
	*until = now + second;
	return true;
}

double
machine_load(struct machine *m, int64_t now)
{
	if (is_stale(&m->load_until, now) && getloadavg(&m->load, 1) < 1)
		m->load = HUGE_VAL;
	return m->load;
}

int64_t
machine_parse_memory(const char *text)
{
	const char *p = text;
	char *end;
	long long kb;

	while (strncmp(p, "MemAvailable:", strlen("MemAvailable:")) != 0) {
		p = strchr(p, '\n');
		if (!p)
			return -1;
		p++;
	}
	kb = strtoll(p + strlen("MemAvailable:"), &end, 10);
	if (strncmp(end, " kB", 3) != 0 || kb < 0 || kb > INT64_MAX / 1024)
		return -1;
	return kb * 1024;
}

static int64_t
read_memory(void)
{
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	char text[1024]; /* it is the third line */
	ssize_t n;
	int64_t bytes;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	bytes = machine_parse_memory(text);
	return bytes < 0 ? 0 : bytes;
}

int64_t
machine_memory(struct machine *m, int64_t now)
{
	if (is_stale(&m->memory_until, now))
		m->memory = read_memory();
	return m->memory;
}

int
machine_minute(struct machine *m, int64_t now)
{
	struct timespec ts;
	struct tm tm;
	int64_t left;

	if (!is_stale(&m->minute_until, now))
		return m->minute;
	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	m->minute = tm.tm_hour * 60 + tm.tm_min;
	/* Not a second longer than the minute is. */
	left = second - ts.tv_nsec;
	if (tm.tm_sec >= 59 && left < second)
		m->minute_until = now + left;
	return m->minute;
}
