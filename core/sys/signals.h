#ifndef CORE_SYS_SIGNALS_H
#define CORE_SYS_SIGNALS_H

/* Makes every signal that is ignored default again, and empties the mask, whatever this process was
 * started with: programs inherit both over exec. Signals with a handler are left alone. */
void signals_reset(void);

#endif
