#ifndef CMD_COMMON_VERSION_H
#define CMD_COMMON_VERSION_H

#ifndef EVINET_VERSION
#define EVINET_VERSION "0.1.0"
#endif

#ifndef EVINET_SYSCONFDIR
#define EVINET_SYSCONFDIR "/etc"
#endif

#define EVINET_DEFAULT_CONFIG EVINET_SYSCONFDIR "/evinetd.conf"

#endif
