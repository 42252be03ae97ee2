"""HUP, TERM, QUIT, USR1 and INT."""
import os
import re
import signal

from harness import case, service

TWO = service("a") + service("b", port="@P2@")


@case("HUP: a new service is there afterwards", service("a"), logs=False)
def _(t):
    t.see("before", t.refused(2))
    t.reload(TWO)
    t.see("after", (t.ask(1, b"x"), t.ask(2, b"y")))
    t.wait_message(r"Reconfigured: new=1 old=1 dropped=0 \(services\)")


@case("HUP: a removed service is gone afterwards", TWO, logs=False)
def _(t):
    t.see("before", t.ask(2, b"y"))
    t.reload(service("a"))
    t.see("after", (t.ask(1, b"x"), t.refused(2)))
    t.wait_message(r"Reconfigured: new=0 old=1 dropped=1 \(services\)")


@case("HUP: nothing has changed", TWO, logs=False)
def _(t):
    a = t.connect(1)
    t.see("before", a.ask(b"x"))
    t.reload(TWO)
    t.see("the session goes on", a.ask(b"y"))
    t.see("after", (t.ask(1, b"x"), t.ask(2, b"y")))
    t.wait_message(r"Reconfigured: new=0 old=2 dropped=0 \(services\)")


@case("HUP: a changed program is for new clients", service("a"), logs=False)
def _(t):
    a = t.connect(1)
    t.see("before", a.ask(b"x"))
    t.reload(service("a", server="/bin/echo", server_args="new"))
    t.see("the session goes on", a.ask(b"y"))
    t.see("after", t.connect(1).rest())


@case("HUP: changed limits hold", service("a"), logs=False)
def _(t):
    a, b = t.connect(1), t.connect(1)
    t.see("before", (a.ask(b"x"), b.ask(b"x")))
    t.reload(service("a", instances="2"))
    t.see("after", t.refused(1))
    a.close()
    t.wait_log("EXIT")
    t.see("free", t.ask(1, b"x"))


@case("HUP: changed lists hold", service("a"), logs=False)
def _(t):
    t.see("before", t.ask(1, b"x"))
    t.reload(service("a", only_from="127.0.0.5"))
    t.see("after", (t.refused(1), t.ask(1, b"x", source="127.0.0.5")))


@case("HUP: another port", service("a"), logs=False)
def _(t):
    t.reload(service("a", port="@P2@"))
    t.see("after", (t.refused(1), t.ask(2, b"x")))


@case("HUP: a bind that is added", service("a"), logs=False)
def _(t):
    t.reload(service("a", bind="127.0.0.5"))
    t.see("after", (t.refused(1), t.ask(1, b"x", host="127.0.0.5")))


@case("HUP: a bind that is removed", service("a", bind="127.0.0.5"), logs=False,
      differs={"B6": "the service stayed on its old address"})
def _(t):
    t.reload(service("a"))
    refused = t.refused(1)
    t.only("xinetd", "refused", refused, True)
    t.only("evinetd", "refused", refused, False)


@case("HUP: a file that is not there changes nothing", service("a"), logs=False)
def _(t):
    os.unlink(t.path("conf"))
    t.signal(signal.SIGHUP)
    t.wait_message("(?i)reconfiguration failed")
    t.see("after", t.ask(1, b"x"))


@case("HUP: a typing error ends no session", TWO, logs=False,
      differs={"B5": "the sessions of a service that was wrong afterwards were killed"})
def _(t):
    b = t.connect(2)
    t.see("before", b.ask(b"x"))
    t.write("conf", service("a") + service("b", port="@P2@", user="nosuchuser"))
    t.signal(signal.SIGHUP)
    t.wait_message("(?i)reconfigured|reconfiguration failed")
    try:
        b.send(b"y")
        answer = b.read(1)
    except OSError:
        answer = b""
    t.only("xinetd", "the session goes on", answer, b"")
    t.only("evinetd", "the session goes on", answer, b"y")


@case("HUP: a bad value in defaults ends nothing", "defaults\n{\n instances = 5\n}\n" + service("a"), logs=False,
      differs={"B4": "the daemon ended, with status 0"})
def _(t):
    t.write("conf", "defaults\n{\n instances = lots\n}\n" + service("a"))
    t.signal(signal.SIGHUP)
    if t.kind == "xinetd":
        t.only("xinetd", "status", t.exit_status(), 0)
        return
    t.wait_message("(?i)reconfiguration failed")
    t.only("evinetd", "after", t.ask(1, b"x"), b"x")


@case("HUP: a removed service's session goes on", TWO, logs=False,
      differs={"B5": "sessions of a removed service were killed"})
def _(t):
    b = t.connect(2)
    t.see("before", b.ask(b"x"))
    t.reload(service("a"))
    try:
        b.send(b"y")
        answer = b.read(1)
    except OSError:
        answer = b""
    t.only("xinetd", "the session goes on", answer, b"")
    t.only("evinetd", "the session goes on", answer, b"y")


@case("TERM ends the daemon", service("a"), logs=False)
def _(t):
    t.signal(signal.SIGTERM)
    t.see("status", t.exit_status())
    t.see("pid file", os.path.exists(t.path("pid")))
    t.see("message", bool(re.search(r"Exiting\.\.\.", t.text(t.messages))))


@case("TERM ends the programs", service("a", server="/bin/sleep", server_args="1000"), logs=False,
      differs={"B15": "programs went on after TERM"})
def _(t):
    c = t.connect(1)
    t.wait("the program", t.children)
    pid = int(t.children()[0])
    t.signal(signal.SIGTERM)
    t.exit_status()
    there = os.path.exists("/proc/%d" % pid) and "Z" not in open("/proc/%d/stat" % pid, encoding="ascii").read().split()[2]
    t.only("xinetd", "still there", there, True)
    t.only("evinetd", "still there", there, False)
    c.close()


@case("QUIT lets sessions go on", service("a"), logs=False)
def _(t):
    c = t.connect(1)
    t.see("before", c.ask(b"x"))
    t.signal(signal.SIGQUIT)
    t.wait("no listener", lambda: t.refused(1)) if t.kind == "evinetd" else t.exit_status()
    t.see("the session goes on", c.ask(b"y"))
    c.close()
    t.exit_status()


@case("INT ends the daemon", service("a"), logs=False, differs={"B41": "INT was ignored"})
def _(t):
    t.signal(signal.SIGINT)
    if t.kind == "evinetd":
        t.only("evinetd", "status", t.exit_status(), 0)
    else:
        t.only("xinetd", "still serves", t.ask(1, b"x"), b"x")


@case("the pid file has the daemon's number", service("a"), logs=False)
def _(t):
    t.see("pid", int(t.text(t.path("pid"))) == t.process.pid)


@case("USR1 writes a state that tells no secrets", service("a", env="SECRET=hush"), logs=False,
      differs={"B27": "everybody could read the dump, with the values of env in it"})
def _(t):
    import stat
    path = "/var/run/xinetd.dump"
    if os.path.exists(path):
        os.unlink(path)
    t.signal(signal.SIGUSR1)
    t.wait("the dump", lambda: os.path.exists(path) and "END OF DUMP" in t.text(path)
           if t.kind == "xinetd" else os.path.exists(path))
    mode = stat.S_IMODE(os.stat(path).st_mode)
    text = t.text(path)
    os.unlink(path)
    t.only("xinetd", "mode and secret", (mode, "hush" in text), (0o644, True))
    t.only("evinetd", "mode and secret", (mode, "hush" in text), (0o600, False))
    t.see("the service", "Service = a" in text or "a" in text)
