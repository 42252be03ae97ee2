#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "core/sys/caps.h"
#include "test/unit/tap.h"

#define CAP(n) \
	{ \
#n, CAP_##n \
	}

int
main(void)
{
	/* By name, so that a slip in the order of the table shows. */
	static const struct {
		const char *name;
		int number;
	} caps[] = {
		CAP(CHOWN),
		CAP(DAC_OVERRIDE),
		CAP(DAC_READ_SEARCH),
		CAP(FOWNER),
		CAP(FSETID),
		CAP(KILL),
		CAP(SETGID),
		CAP(SETUID),
		CAP(SETPCAP),
		CAP(LINUX_IMMUTABLE),
		CAP(NET_BIND_SERVICE),
		CAP(NET_BROADCAST),
		CAP(NET_ADMIN),
		CAP(NET_RAW),
		CAP(IPC_LOCK),
		CAP(IPC_OWNER),
		CAP(SYS_MODULE),
		CAP(SYS_RAWIO),
		CAP(SYS_CHROOT),
		CAP(SYS_PTRACE),
		CAP(SYS_PACCT),
		CAP(SYS_ADMIN),
		CAP(SYS_BOOT),
		CAP(SYS_NICE),
		CAP(SYS_RESOURCE),
		CAP(SYS_TIME),
		CAP(SYS_TTY_CONFIG),
		CAP(MKNOD),
		CAP(LEASE),
		CAP(AUDIT_WRITE),
		CAP(AUDIT_CONTROL),
		CAP(SETFCAP),
		CAP(MAC_OVERRIDE),
		CAP(MAC_ADMIN),
		CAP(SYSLOG),
		CAP(WAKE_ALARM),
		CAP(BLOCK_SUSPEND),
		CAP(AUDIT_READ),
#ifdef CAP_PERFMON
		CAP(PERFMON),
#endif
#ifdef CAP_BPF
		CAP(BPF),
#endif
#ifdef CAP_CHECKPOINT_RESTORE
		CAP(CHECKPOINT_RESTORE),
#endif
	};
	char text[64];

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		is_int(caps_find(caps[i].name), caps[i].number, caps[i].name);
		snprintf(text, sizeof(text), "cap_%s", caps[i].name);
		if (caps_find(text) != caps[i].number)
			ok(false, "%s with its prefix", text);
	}
	is_int(caps_find("net_raw"), CAP_NET_RAW, "small letters will do");
	is_int(caps_find("CAP_net_Raw"), CAP_NET_RAW, "and any mixture");
	is_int(caps_find("net_ra"), -1, "a part of a name is none");
	is_int(caps_find("cap_"), -1, "nor is the prefix alone");
	is_int(caps_find("cap_cap_kill"), -1, "nor the prefix twice");
	is_int(caps_find(""), -1, "nor nothing");
	is_int(caps_find("13"), -1, "nor a number");
	return tap_done();
}
