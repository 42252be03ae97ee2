#include "core/policy/hours.h"
#include "test/unit/tap.h"

/* The minutes of a day that are in an interval, as "from-to" for each run of them. */
static void
covers(const char *interval, int from, int to, int minutes)
{
	struct hours h = { 0 };
	struct error err = { 0 };
	int n = 0;

	ok(hours_add(&h, interval, &err) == 0, "%s can be read %s", interval, err.text);
	for (int m = 0; m < 1440; m++)
		n += hours_match(&h, m);
	is_int(n, minutes, interval);
	ok(hours_match(&h, from) && hours_match(&h, to), "both ends of %s belong to it", interval);
	if (minutes < 1440)
		ok(!hours_match(&h, (from + 1439) % 1440) && !hours_match(&h, (to + 1) % 1440),
		   "the minutes around %s do not", interval);
	hours_clear(&h);
}

static void
refused(const char *interval)
{
	struct hours h = { 0 };
	struct error err = { 0 };

	ok(hours_add(&h, interval, &err) < 0 && err.text[0], "\"%s\" is refused: %s", interval, err.text);
	is_int((long long)h.n, 0, "and leaves nothing behind");
	hours_clear(&h);
}

int
main(void)
{
	static const char *const wrong[] = { "",
					     "08:00",
					     "08:00-",
					     "-17:00",
					     "8-17",
					     "08:60-09:00",
					     "25:00-26:00",
					     "24:01-24:30",
					     "24:00-08:00",
					     "00:00-24:01",
					     "08:00 -17:00",
					     "08:00-17:00 ",
					     "8:0-9:0",
					     "08:00-17:00-18:00",
					     "008:00-17:00",
					     "+8:00-17:00" };
	struct hours h = { 0 };

	ok(!hours_match(&h, 0) && !hours_match(&h, 720), "no interval is no time");
	covers("08:00-17:30", 480, 1050, 571);
	covers("8:00-17:30", 480, 1050, 571);
	covers("00:00-24:00", 0, 1439, 1440);
	covers("0:00-23:59", 0, 1439, 1440);
	covers("22:00-24:00", 1320, 1439, 120);
	covers("22:00-06:00", 1320, 360, 481);
	covers("23:59-0:00", 1439, 0, 2);
	covers("12:34-12:34", 754, 754, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused(wrong[i]);

	hours_add(&h, "08:00-12:00", NULL);
	hours_add(&h, "13:00-17:00", NULL);
	ok(hours_match(&h, 500) && hours_match(&h, 800), "of several intervals each counts");
	ok(!hours_match(&h, 750), "and what is between them does not");
	hours_clear(&h);
	ok(h.n == 0 && !hours_match(&h, 500), "clearing leaves nothing");
	return tap_done();
}
