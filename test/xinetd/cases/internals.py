"""The built-in services, redirect and tcpmux."""
import re
import socket
import struct
import time

from harness import case, service


def internal(name, port="@P1@", proto="tcp", **more):
    kind = "stream" if proto == "tcp" else "dgram"
    return service(name, id=name + "-" + kind, type="INTERNAL UNLISTED", protocol=proto, socket_type=kind,
                   wait="no" if proto == "tcp" else "yes", port=port, **more)


@case("echo", internal("echo"))
def _(t):
    c = t.connect(1)
    t.see("first", c.ask(b"hello\n"))
    t.see("second", c.ask(b"again\n"))
    c.half_close()
    t.see("end", c.rest())
    t.wait_log("EXIT")


@case("discard", internal("discard"))
def _(t):
    t.see("answer", t.ask(1, b"x" * 1000))
    t.wait_log("EXIT")


@case("time", internal("time"), logs=False)
def _(t):
    answer = t.ask(1)
    t.see("length", len(answer))
    t.see("now", abs(struct.unpack("!I", answer)[0] - 2208988800 - time.time()) < 5)


@case("daytime", internal("daytime"), logs=False)
def _(t):
    answer = t.ask(1)
    t.see("form", bool(re.fullmatch(rb"\d\d [A-Z]{3} \d{4} \d\d:\d\d:\d\d \S+\r\n", answer)))


@case("chargen", internal("chargen"), logs=False)
def _(t):
    c = t.connect(1)
    lines = c.read(74 * 5).split(b"\r\n")
    c.close()
    t.see("lengths", [len(line) for line in lines])
    t.see("printable", all(32 <= b < 127 for line in lines for b in line))


@case("echo of a datagram", internal("echo", proto="udp"), logs=False)
def _(t):
    t.see("answer", t.datagram(1, b"hello"))


@case("time of a datagram", internal("time", proto="udp"), logs=False)
def _(t):
    t.see("length", len(t.datagram(1, b"")))


@case("daytime of a datagram", internal("daytime", proto="udp"), logs=False)
def _(t):
    t.see("form", bool(re.fullmatch(rb"\d\d [A-Z]{3} \d{4} \d\d:\d\d:\d\d \S+\r\n", t.datagram(1, b"x"))))


@case("chargen of a datagram", internal("chargen", proto="udp"), logs=False)
def _(t):
    t.see("something", len(t.datagram(1, b"x")) > 0)


@case("a datagram from an address that is not let in", internal("echo", proto="udp", only_from="127.0.0.5"), logs=False)
def _(t):
    t.see("in", t.datagram(1, b"x", source="127.0.0.5"))
    t.see("not", t.datagram(1, b"x", source="127.0.0.6", timeout=0.5))


@case("every datagram of a burst", internal("echo", proto="udp"), logs=False,
      differs={"B16": "one datagram of a burst was answered, the others were thrown away"})
def _(t):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", t.port(1)))
        for i in range(20):
            s.send(b"%d" % i)
        s.settimeout(1)
        answers = set()
        try:
            while len(answers) < 20:
                answers.add(s.recv(100))
        except socket.timeout:
            pass
    t.see("some", len(answers) > 0)
    t.only("evinetd", "answers", len(answers), 20)


@case("an internal service that does not exist", internal("servers") + service("x", port="@P2@"), logs=False)
def _(t):
    t.see("refused", t.refused(1))
    t.see("the other", t.ask(2, b"x"))


@case("lists hold for internal services", internal("daytime", only_from="127.0.0.5"), logs=False)
def _(t):
    t.see("in", len(t.ask(1, source="127.0.0.5")) > 10)
    t.see("not", t.refused(1, source="127.0.0.6"))


# --- redirect ---

CAT = service("cat", port="@P2@", log_type=None, log_on_success=None, log_on_failure=None)


@case("redirect passes bytes on, and back", service("r", redirect="127.0.0.1 @P2@") + CAT)
def _(t):
    c = t.connect(1)
    t.see("one", c.ask(b"hello"))
    t.see("two", c.ask(b"x" * 20000))
    c.close()
    t.wait_log("EXIT")


@case("redirect counts bytes with TRAFFIC", service("r", redirect="127.0.0.1 @P2@", log_on_success="PID HOST TRAFFIC")
      + CAT, logs=False)
def _(t):
    c = t.connect(1)
    t.see("one", c.ask(b"hello"))
    c.close()
    t.wait_log("TRAFFIC")
    t.see("traffic", [line for line in t.log_lines() if "TRAFFIC" in line])


@case("redirect to an IPv6 address", service("r", redirect="::1 @P2@") +
      service("cat", port="@P2@", flags="IPv6", log_type=None, log_on_success=None, log_on_failure=None))
def _(t):
    c = t.connect(1)
    t.see("one", c.ask(b"hello"))
    c.close()
    t.wait_log("EXIT")


@case("redirect to nobody ends the connection", service("r", redirect="127.0.0.1 @P9@"), logs=False)
def _(t):
    t.see("refused", t.refused(1))


@case("what comes after a half-close arrives", service("r", redirect="127.0.0.1 @P2@") +
      service("late", port="@P2@", server="/bin/sh", server_args="@DIR@/p", log_type=None, log_on_success=None,
              log_on_failure=None), logs=False, differs={"B18": "the first end closed both sides: the answer was lost"})
def _(t):
    t.write("p", "wc -c\n")
    t.start()
    answer = t.ask(1, b"12345")
    t.only("xinetd", "answer", answer in (b"", b"(reset)"), True)
    t.only("evinetd", "answer", answer, b"5\n")


_.starts = True


@case("redirect has the lists of its service", service("r", redirect="127.0.0.1 @P2@", only_from="127.0.0.5") + CAT,
      logs=False)
def _(t):
    t.see("in", t.connect(1, source="127.0.0.5").ask(b"x"))
    t.see("not", t.refused(1, source="127.0.0.6"))


# --- tcpmux ---

MUX = service("tcpmux", type="INTERNAL UNLISTED", id="tcpmux", log_type=None, log_on_success=None, log_on_failure=None)


def target(name, kind, **more):
    given = {"type": kind + " UNLISTED", "port": None, "server": "/bin/cat"}
    given.update(more)
    return service(name, **given)


@case("tcpmux starts the service of that name", MUX + target("my.cat", "TCPMUXPLUS"), logs=False,
      differs={"B20": "answers carried a NUL byte"})
def _(t):
    c = t.connect(1)
    c.send(b"my.cat\r\n")
    t.see("go", c.read(5))
    c.send(b"hello")
    c.half_close()
    rest = c.rest()
    t.only("xinetd", "rest", rest, b"\0hello")
    t.only("evinetd", "rest", rest, b"hello")


@case("with TCPMUX the program itself says +", MUX + target("own", "TCPMUX", server="/bin/echo", server_args="+mine"),
      logs=False)
def _(t):
    c = t.connect(1)
    c.send(b"own\r\n")
    t.see("answer", c.rest())


@case("tcpmux knows no case", MUX + target("Own", "TCPMUX", server="/bin/echo", server_args="+mine"), logs=False)
def _(t):
    c = t.connect(1)
    c.send(b"oWN\r\n")
    t.see("answer", c.rest())


@case("tcpmux says no to a name that it does not have", MUX + target("own", "TCPMUX"), logs=False,
      differs={"B20": "answers carried a NUL byte"})
def _(t):
    c = t.connect(1)
    c.send(b"other\r\n")
    answer = c.rest()
    t.see("answer", answer.rstrip(b"\0").replace(b"(reset)", b"").rstrip(b"\0"))
    t.only("evinetd", "answer", answer, b"-Service name not found\r\n")


@case("a name that comes in pieces", MUX + target("own", "TCPMUX", server="/bin/echo", server_args="+mine"), logs=False,
      differs={"B21": "a name that came in pieces was dropped"})
def _(t):
    c = t.connect(1)
    c.send(b"ow")
    time.sleep(0.2)
    try:
        c.send(b"n\r\n")
    except OSError:
        pass
    answer = c.rest()
    t.only("xinetd", "answer", b"+mine" in answer, False)
    t.only("evinetd", "answer", answer, b"+mine\n")


@case("what comes with the name goes to the program", MUX + target("own", "TCPMUXPLUS"), logs=False,
      differs={"B21": "a name with something behind it was dropped"})
def _(t):
    c = t.connect(1)
    c.send(b"own\r\nhello")
    c.half_close()
    answer = c.rest()
    t.only("xinetd", "answer", b"hello" in answer, False)
    t.only("evinetd", "answer", answer, b"+Go\r\nhello")


@case("tcpmux's help", MUX + target("own", "TCPMUX") + target("second", "TCPMUXPLUS"), logs=False,
      differs={"B21": "there was no help"})
def _(t):
    c = t.connect(1)
    c.send(b"help\r\n")
    answer = c.rest()
    t.see("something", True)
    t.only("evinetd", "names", sorted(answer.split()), [b"own", b"second"])


@case("the limits of the service hold", MUX + target("own", "TCPMUXPLUS", instances="1"), logs=False,
      differs={"B22": "instances, cps, per_source and access_times of the service were not kept"})
def _(t):
    a = t.connect(1)
    a.send(b"own\r\n")
    t.see("go", a.read(5))
    b = t.connect(1)
    b.send(b"own\r\n")
    answer = b.read(5)
    t.only("xinetd", "go", answer, b"+Go\r\n")
    t.only("evinetd", "go", answer == b"+Go\r\n", False)


@case("the log calls the service by its name", MUX + target("own", "TCPMUXPLUS"), logs=False,
      differs={"B22": "the log named tcpmux only"})
def _(t):
    c = t.connect(1)
    c.send(b"own\r\n")
    t.see("go", c.read(5))
    c.close()
    if t.kind == "evinetd":
        t.wait_log("EXIT: own")
    else:
        t.see("", "")
        return
    t.see("", "")


@case("the service's user is the program's", MUX + target("own", "TCPMUX", server="/usr/bin/id", server_args="-u",
                                                           user="nobody"), logs=False)
def _(t):
    c = t.connect(1)
    c.send(b"own\r\n")
    t.see("user", c.rest())


@case("other services are not offered by tcpmux", MUX + service("secret", port="@P2@", log_type=None,
                                                                 log_on_success=None, log_on_failure=None),
      logs=False)
def _(t):
    c = t.connect(1)
    c.send(b"secret\r\n")
    t.see("answer", c.rest()[:4])
