"""What the log says, to the byte."""
import glob
import os
import time

from harness import case, service


def lines(name, differs=None, ask=1, pattern="START|EXIT", **attributes):
    @case("log: " + name, service("x", **attributes), differs)
    def _(t):
        for _ in range(ask):
            t.see("answer", t.ask(1, b"x"))
        if pattern:
            t.wait_log(pattern, ask)
        else:
            t.wait("the session's end", lambda: not t.children())


lines("PID only", log_on_success="PID", pattern="START")
lines("HOST only", log_on_success="HOST", pattern="START")
lines("EXIT only", log_on_success="EXIT", pattern="EXIT")
lines("DURATION only", log_on_success="DURATION", pattern="EXIT")
lines("PID and EXIT", log_on_success="PID EXIT", pattern="EXIT")
lines("PID, HOST, EXIT and DURATION", pattern="EXIT")
lines("nothing", log_on_success=None, pattern="")
lines("an empty list", log_on_success="=", pattern="")
lines("+= adds", log_on_success=["PID", "+= EXIT"], pattern="EXIT")
lines("-= takes away", log_on_success=["PID HOST EXIT", "-= EXIT"], pattern="START")
lines("words in small letters", log_on_success="pid host exit duration", pattern="EXIT")


@case("log: defaults and a service that adds", "defaults\n{\n log_on_success = PID\n}\n" +
      service("x", log_on_success="+= EXIT"))
def _(t):
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT")


@case("log: a file for all, named in defaults", "defaults\n{\n log_type = FILE @DIR@/log\n log_on_success = PID HOST EXIT\n}\n" +
      service("x", log_type=None, log_on_success=None))
def _(t):
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT")


@case("log: without HOST a failure has no address", service("x", only_from="127.0.0.5", log_on_failure="ATTEMPT"),
      logs=False)
def _(t):
    t.see("refused", t.refused(1))
    t.wait_log("FAIL: x address\n")


@case("log: no log_on_failure, no FAIL", service("x", only_from="127.0.0.5", log_on_failure=None,
                                                 log_on_success="PID HOST"), logs=False)
def _(t):
    t.see("refused", t.refused(1))
    t.see("served", t.ask(1, b"x", source="127.0.0.5"))
    t.wait_log("START.*127.0.0.5")
    t.see("fail", "FAIL" in t.text(t.log))


@case("log: the time has xinetd's form", service("x"), logs=False)
def _(t):
    t.ask(1)
    t.wait_log("EXIT")
    now = time.localtime()
    day = "%02d/%d/%d@" % (now.tm_year % 100, now.tm_mon, now.tm_mday)
    t.see("stamps", all(line.startswith(day) for line in t.text(t.log).splitlines()))


@case("log: messages of the program have xinetd's form", service("x"), logs=False)
def _(t):
    t.wait_message(r"\d\d/\d+/\d+@\d\d:\d\d:\d\d xinetd\[%d\]: NOTICE: .*\n" % t.process.pid)
    t.wait_message(r"Started working: 1 available service\b")
    t.see("there", True)


@case("log: nothing more is written past the hard limit", service("x", log_type="FILE @DIR@/log 200 300",
                                                                   cps="1000 1"), logs=False)
def _(t):
    for _ in range(20):
        t.ask(1)
    t.see("still served", t.ask(1, b"x"))
    t.wait("sessions end", lambda: not t.children())
    t.see("size", len(t.text(t.log)) < 1000)


@case("log: a file that was moved is made anew after HUP", service("x"), logs=False)
def _(t):
    t.ask(1)
    t.wait_log("EXIT")
    os.rename(t.log, t.log + ".old")
    t.reload(service("x"))
    t.ask(1)
    t.wait_log("EXIT")
    t.see("there", True)


@case("log: the file of messages is made anew after HUP", service("x"), logs=False,
      differs={"B42": "the file of -filelog was not opened again"})
def _(t):
    import signal
    os.rename(t.messages, t.messages + ".old")
    t.signal(signal.SIGHUP)
    if t.kind == "evinetd":
        t.wait_message("Reconfigured")
    else:
        t.wait("reload", lambda: "Reconfigured" in t.text(t.messages + ".old"))
    t.see("reloaded", True)


@case("ident: a server's answer is logged", service("x", log_on_success="PID HOST USERID EXIT"), logs=False)
def _(t):
    t.write("identd", IDENTD)
    server = t.helper("/usr/bin/python3", "@DIR@/identd", "USERID : UNIX : joe")
    server.stdout.readline()
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("USERID: x ")
    t.see("line", [line for line in t.log_lines() if line.startswith("USERID")])


@case("ident: nobody is served who is not named", service("x", flags="IPv4 IDONLY",
                                                           log_on_success="PID HOST USERID EXIT"), logs=False)
def _(t):
    t.see("refused", t.refused(1))
    t.wait_log("NOID: x 127.0.0.1")


IDENTD = """import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 113))
s.listen()
print("ready", flush=True)
while True:
    c, _ = s.accept()
    line = c.recv(100).decode().strip()
    a, b = line.replace(" ", "").split(",")
    c.sendall(("%s , %s : %s\\r\\n" % (a, b, sys.argv[1])).encode())
    c.close()
"""
