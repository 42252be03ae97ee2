#include <errno.h>

#include "core/conf/schema.h"
#include "core/service/conn.h"
#include "core/service/service.h"
#include "handlers/datagram.h"
#include "handlers/handlers.h"

/* What a service with `ban` is, unless it says otherwise. Admission refuses and bans whoever comes, so
 * that nobody ever gets here. */

static int
sensor_prepare(struct service *s, struct problems *problems)
{
	if (s->conf->ban || service_conf_wrong(s->conf, "ban"))
		return 0;
	problem_add(problems, service_conf_origin(s->conf, NULL, "handler"), s->name, "handler",
		    "a sensor needs ban to say for how long");
	return -1;
}

static int
sensor_start(struct conn *c, struct error *err)
{
	(void)c;
	return error_set(err, ENOTSUP, "a sensor serves nobody");
}

static void
sensor_kill(struct conn *c, bool force)
{
	(void)c;
	(void)force;
}

static ssize_t
no_answer(char *out, size_t max)
{
	(void)out;
	(void)max;
	return -1;
}

static void
sensor_datagram(struct service *s, struct listener_socket *ls)
{
	datagram_serve(s, ls, no_answer);
}

const struct handler handler_sensor = {
	.name = "sensor",
	.doc = "serves nobody: for services with ban",
	.sockets = HANDLER_STREAM | HANDLER_DATAGRAM,
	.prepare = sensor_prepare,
	.start = sensor_start,
	.kill = sensor_kill,
	.datagram = sensor_datagram,
};
