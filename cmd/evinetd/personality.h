#ifndef CMD_EVINETD_PERSONALITY_H
#define CMD_EVINETD_PERSONALITY_H

/* What evinetd is when it is started under the name of another super-server: that program's command
 * line, files and habits, with evinetd behind them. */

/* The main function of the program with that name (a path or not), or NULL if evinetd is itself. */
int (*personality_of(const char *argv0))(int argc, char **argv);

int xinetd_main(int argc, char **argv);
int inetd_main(int argc, char **argv);

#endif
