"""instances, per_source, cps, access_times, max_load, -limit."""
import time

from harness import case, service


@case("past instances a client is closed", service("x", instances="2"))
def _(t):
    a, b = t.connect(1), t.connect(1)
    t.see("two", (a.ask(b"a"), b.ask(b"b")))
    t.see("third", t.refused(1))
    t.wait_log("FAIL: x service_limit")
    a.close()
    t.wait_log("EXIT")
    t.see("a place is free", t.ask(1, b"c"))
    b.close()
    t.wait_log("EXIT", 3)


@case("instances = 0 is nobody", service("x", instances="0"), logs=False)
def _(t):
    t.see("refused", t.refused(1))
    t.wait_log("FAIL")


@case("instances from defaults", "defaults\n{\n instances = 1\n}\n" + service("x"))
def _(t):
    a = t.connect(1)
    t.see("one", a.ask(b"a"))
    t.see("two", t.refused(1))
    t.wait_log("FAIL")
    a.close()
    t.wait_log("EXIT")


@case("a service's own instances win over the defaults", "defaults\n{\n instances = 1\n}\n" +
      service("x", instances="UNLIMITED"))
def _(t):
    a, b = t.connect(1), t.connect(1)
    t.see("two", (a.ask(b"a"), b.ask(b"b")))
    a.close()
    b.close()
    t.wait_log("EXIT", 2)


@case("past per_source a client is closed, another one is not", service("x", per_source="1"))
def _(t):
    a = t.connect(1, source="127.0.0.5")
    t.see("first", a.ask(b"a"))
    t.see("same", t.refused(1, source="127.0.0.5"))
    t.wait_log("FAIL")
    t.see("other", t.ask(1, b"b", source="127.0.0.6"))
    t.wait_log("EXIT")
    a.close()
    t.wait_log("EXIT", 2)
    t.see("again", t.ask(1, b"c", source="127.0.0.5"))
    t.wait_log("EXIT", 3)


@case("per_source from defaults", "defaults\n{\n per_source = 1\n}\n" + service("x"))
def _(t):
    a = t.connect(1)
    t.see("one", a.ask(b"a"))
    t.see("two", t.refused(1))
    t.wait_log("FAIL")
    a.close()
    t.wait_log("EXIT")


@case("past cps the service pauses, and says so", service("x", cps="2 1"), logs=False)
def _(t):
    for _ in range(3 if t.kind == "evinetd" else 20):
        t.ask(1, b"x")
        if "Deactivating" in t.text(t.messages):
            break
    t.wait_message(r"Deactivating service x due to excessive incoming connections\.  Restarting in 1 seconds")
    t.wait_message("Activating service x")
    t.wait("served again", lambda: t.ask(1, b"x") == b"x")
    t.see("afterwards", True)


@case("nobody is turned away by cps", service("x", cps="5 1"), logs=False,
      differs={"B8/B9": "the listening socket was closed: clients were refused, and counters began anew"})
def _(t):
    answers = [t.ask(1, b"x") for _ in range(8)]
    t.see("something", True)
    t.only("evinetd", "answers", answers, [b"x"] * 8)
    t.only("xinetd", "all served", answers == [b"x"] * 8, False)


@case("a pause does not forget who is served", service("x", instances="4", cps="3 1"), logs=False,
      differs={"B8": "the counter began anew after a pause: more than instances ran"})
def _(t):
    clients = []
    for i in range(4):
        if t.kind == "xinetd" and i == 3:
            break
        c = t.connect(1)
        c.send(b"x")
        clients.append(c)
    served = sum(c.quiet(3) == "said" for c in clients)
    t.see("something", True)
    t.only("evinetd", "served", served, 4)
    if t.kind == "evinetd":
        t.only("evinetd", "one more", t.refused(1), True)


@case("cps = 0 is no limit", service("x", cps="0 1"))
def _(t):
    t.see("answers", [t.ask(1, b"x") for _ in range(10)])
    t.wait_log("EXIT", 10)


def hours(name, text, differs=None):
    @case(name, service("x", access_times=text), differs=differs)
    def _(t):
        t.see("refused", t.refused(1))
        t.wait_log("FAIL|EXIT")


hours("access_times all day", "00:00-23:59")
hours("several access_times", "00:00-11:59 12:00-23:59")


def now(minutes):
    at = time.localtime(time.time() + minutes * 60)
    return "%d:%02d" % (at.tm_hour, at.tm_min)


def _closed():
    """An interval that does not hold now, and does not go over midnight."""
    hour = time.localtime().tm_hour
    return "1:00-2:00" if hour > 12 else "22:00-23:00"


hours("outside of access_times a client is refused", _closed())


@case("an interval that ends at 24:00", service("x", access_times="00:00-24:00"), logs=False,
      differs={"B39": "the manual's own example was refused"})
def _(t):
    refused = t.refused(1)
    t.only("xinetd", "refused", refused, True)
    t.only("evinetd", "refused", refused, False)


@case("max_load that is always passed", service("x", max_load="0.0000001"), logs=False)
def _(t):
    with open("/proc/loadavg", encoding="ascii") as f:
        load = float(f.read().split()[0])
    if load == 0:
        t.see("refused", True)
        return
    t.see("refused", t.refused(1))
    t.wait_log("FAIL: x load from=127.0.0.1")


@case("max_load that is never reached", service("x", max_load="100000"))
def _(t):
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT")


@case("-limit is a limit for all services", service("a") + service("b", port="@P2@"), options=["-limit", "1"])
def _(t):
    a = t.connect(1)
    t.see("one", a.ask(b"a"))
    t.see("two", t.refused(2))
    t.wait_log("FAIL: b process_limit")
    a.close()
    t.wait_log("EXIT")


@case("the hundredth client of fifty at once is served in the end", service("x", instances="UNLIMITED",
                                                                            cps="1000 1"))
def _(t):
    clients = [t.connect(1) for _ in range(50)]
    t.see("answers", {c.ask(b"x") for c in clients})
    for c in clients:
        c.close()
    t.wait_log("EXIT", 50)


@case("a sensor refuses, and bans for all services", service(
    "s", flags="IPv4 SENSOR", deny_time="FOREVER", type="INTERNAL UNLISTED", log_on_success=None) +
    service("x", port="@P2@"), logs=False)
def _(t):
    t.see("before", t.ask(2, b"x", source="127.0.0.5"))
    t.wait_log("EXIT: x")
    t.see("sensor", t.refused(1, source="127.0.0.5"))
    t.wait_log("FAIL: s address from=127.0.0.5")
    t.wait_message(r"Adding 127\.0\.0\.5 to the global_no_access list")
    t.see("after", t.refused(2, source="127.0.0.5"))
    t.see("others", t.ask(2, b"x", source="127.0.0.6"))


@case("a sensor with deny_time = NEVER bans nobody", service(
    "s", flags="IPv4 SENSOR", deny_time="NEVER", type="INTERNAL UNLISTED", log_on_success=None) +
    service("x", port="@P2@"), logs=False)
def _(t):
    t.see("sensor", t.refused(1, source="127.0.0.5"))
    t.wait_log("FAIL: s address from=127.0.0.5")
    t.see("after", t.ask(2, b"x", source="127.0.0.5"))


@case("a sensor bans one address and no network", service(
    "s", flags="IPv4 SENSOR", deny_time="5", type="INTERNAL UNLISTED", log_on_success=None) +
    service("x", port="@P2@"), logs=False, differs={"B28": "a hit from a.b.c.0 banned the whole a.b.c.0/24"})
def _(t):
    t.see("sensor", t.refused(1, source="127.3.3.0"))
    t.wait_message("Adding 127.3.3.0 to the global_no_access list for 5 minutes")
    t.see("banned", t.refused(2, source="127.3.3.0"))
    refused = t.refused(2, source="127.3.3.7")
    t.only("xinetd", "neighbour refused", refused, True)
    t.only("evinetd", "neighbour refused", refused, False)
