#include "core/sys/machine.h"
#include "test/unit/tap.h"

#include <stdlib.h>
#include <time.h>

static const int64_t second = 1000000000;

static int
local_minute(void)
{
	time_t t = time(NULL);
	struct tm tm;

	localtime_r(&t, &tm);
	return tm.tm_hour * 60 + tm.tm_min;
}

int
main(void)
{
	struct machine m = { 0 };
	int64_t now = 100 * second;
	int before, minute;

	is_int(machine_parse_memory("MemTotal:       16000000 kB\nMemFree:         1000000 kB\n"
				    "MemAvailable:    2000000 kB\nBuffers: 1 kB\n"),
	       2000000LL * 1024, "what is available is found");
	is_int(machine_parse_memory("MemAvailable: 0 kB\n"), 0, "nothing is a number too");
	is_int(machine_parse_memory("MemFree: 1 kB\n"), -1, "a text without it says nothing");
	is_int(machine_parse_memory(""), -1, "nor does an empty one");
	is_int(machine_parse_memory("MemAvailable: 12"), -1, "nor one that is cut off");
	is_int(machine_parse_memory("MemAvailable: -1 kB\n"), -1, "nor a negative number");

	ok(machine_memory(&m, now) > 0, "this machine has memory");
	ok(machine_load(&m, now) >= 0, "and a load");
	before = local_minute();
	minute = machine_minute(&m, now);
	ok(minute == before || minute == local_minute(), "and knows the time");

	m = (struct machine){ .load = 7, .memory = 8, .minute = 9 };
	m.load_until = m.memory_until = m.minute_until = now + 1;
	ok(machine_load(&m, now) == 7 && machine_memory(&m, now) == 8 && machine_minute(&m, now) == 9,
	   "what was read holds for a while");
	m.memory = -5;
	m.minute = -5;
	ok(machine_memory(&m, now + 1) > 0 && machine_minute(&m, now + 1) >= 0, "and is then read again");
	ok(m.memory_until > now + 1 && m.memory_until <= now + 1 + second, "for a second at most");
	ok(m.minute_until > now + 1 && m.minute_until <= now + 1 + second, "the time as well");
	return tap_done();
}
