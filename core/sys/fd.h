#ifndef CORE_SYS_FD_H
#define CORE_SYS_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/error.h"

/* Opens /dev/null on 0, 1 and 2 where they are closed: a socket that landed there would be taken
 * for somebody's standard stream. Returns 0, or -1 with errno. */
int fd_fill_standard(void);

/* Marks every descriptor above 2 close-on-exec, whoever opened it. */
int fd_cloexec_all(void);

/* Closes every descriptor above 2 except the `n` listed. */
void fd_close_all_but(const int *keep, size_t n);

/* Takes every free number below `below`, so that what is opened from now on is above; gives them back
 * with fd_release_low(). How many it took, or -1 with errno. */
int fd_reserve_low(int below);
void fd_release_low(void);

/* Moves a descriptor to a number of at least `least`, unless it is there already. Returns the new one
 * (close-on-exec); the old one if no other is to be had. */
int fd_move_up(int fd, int least);

/* Turns "may block" on or off. 0, or -1 with errno. */
int fd_set_nonblocking(int fd, bool on);

/* Writes the whole buffer, continuing after interruptions. 0, or -1 with errno. */
int fd_write_all(int fd, const void *buf, size_t len);

/* Reads a whole file (at most `max` bytes), NUL-terminated. The caller frees *out. */
int fd_read_file(const char *path, size_t max, char **out, size_t *len, struct error *);

/* Writes a file so that readers see the old or the new one, never a part. */
int fd_replace_file(const char *path, mode_t mode, const char *s, size_t len, struct error *);

#endif
