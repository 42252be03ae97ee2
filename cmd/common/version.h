#ifndef CMD_COMMON_VERSION_H
#define CMD_COMMON_VERSION_H

#ifndef EVINET_VERSION
#define EVINET_VERSION "0.1.0"
#endif

#ifndef EVINET_SYSCONFDIR
#define EVINET_SYSCONFDIR "/etc"
#endif

#define EVINET_DEFAULT_CONFIG EVINET_SYSCONFDIR "/evinetd.conf"

/* Those of the programs that evinetd can stand in for. */
#define XINETD_DEFAULT_CONFIG "/etc/xinetd.conf"
#define INETD_DEFAULT_CONFIG "/etc/inetd.conf"
#define INETD_DEFAULT_PIDFILE "/run/inetd.pid"

#endif
