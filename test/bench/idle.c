/* A program that greets and then waits for the end of its input: an idle session. */
#include <unistd.h>

int
main(void)
{
	char buf[64];

	if (write(1, "ok\n", 3) != 3)
		return 1;
	while (read(0, buf, sizeof(buf)) > 0)
		;
	return 0;
}
