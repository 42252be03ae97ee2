#include "core/sys/signals.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What rt_sigaction(2) takes, on every architecture: the handler first, zeros for the rest. */
struct kernel_action {
	unsigned long handler, rest[7];
};

enum { MASK_BYTES = 8, LAST_SIGNAL = 64 };

void
signals_reset(void)
{
	sigset_t none;

	/* The raw call: glibc hides two signals of its own, and its posix_spawn() leaves them ignored. */
	for (int sig = 1; sig <= LAST_SIGNAL; sig++) {
		struct kernel_action action;

		memset(&action, 0, sizeof(action));
		if (syscall(SYS_rt_sigaction, sig, NULL, &action, MASK_BYTES) < 0 ||
		    action.handler != (unsigned long)SIG_IGN)
			continue;
		memset(&action, 0, sizeof(action));
		syscall(SYS_rt_sigaction, sig, &action, NULL, MASK_BYTES);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
