#ifndef CORE_SYS_CAPS_H
#define CORE_SYS_CAPS_H

/* The number of a capability: "cap_net_raw", "net_raw", "CAP_NET_RAW". -1 if there is none. */
int caps_find(const char *name);

#endif
