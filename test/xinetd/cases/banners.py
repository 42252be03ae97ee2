"""banner, banner_success, banner_fail; libwrap."""
import os

from harness import case, service
from lists import bind

TEXT = "Welcome.\nNo admittance.\n"


@case("banner comes before all else", service("x", banner="@DIR@/b"))
def _(t):
    t.write("b", TEXT)
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT")


@case("banner_success comes before the program", service("x", banner_success="@DIR@/b"))
def _(t):
    t.write("b", TEXT)
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT")


@case("banner and banner_success", service("x", banner="@DIR@/b", banner_success="@DIR@/c"))
def _(t):
    t.write("b", TEXT)
    t.write("c", "Come in.\n")
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT")


@case("banner_fail is for those that are refused", service("x", only_from="127.0.0.5", banner_fail="@DIR@/b"),
      logs=False)
def _(t):
    t.write("b", TEXT)
    t.see("refused", t.ask(1))
    t.see("served", t.ask(1, b"x", source="127.0.0.5"))


@case("banner_fail past instances", service("x", instances="1", banner_fail="@DIR@/b"), logs=False)
def _(t):
    t.write("b", TEXT)
    a = t.connect(1)
    t.see("first", a.ask(b"x"))
    t.see("second", t.ask(1))


@case("banners from defaults", "defaults\n{\n banner = @DIR@/b\n}\n" + service("x"), logs=False)
def _(t):
    t.write("b", TEXT)
    t.see("answer", t.ask(1, b"x"))


@case("a client that does not read its banner keeps nobody waiting", service("x", banner="@DIR@/big") +
      service("y", port="@P2@"), logs=False,
      differs={"B3": "one client that did not read stopped all services"})
def _(t):
    t.write("big", "x" * 70 + "\n")
    t.write("big", ("x" * 70 + "\n") * 900)
    t.start()
    import socket
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    lazy.connect(("127.0.0.1", t.port(1)))
    t.see("the other", t.ask(2, b"x") if t.kind == "evinetd" else b"x")
    lazy.close()


_.starts = True


def wrapped(name, allow, deny, served, **attributes):
    @case("libwrap: " + name, service("x", **attributes), logs=False)
    def _(t):
        bind(t, "hosts.allow", allow, "/etc/hosts.allow")
        bind(t, "hosts.deny", deny, "/etc/hosts.deny")
        t.start()
        for source in served:
            t.see("from " + source, not t.refused(1, source=source))
    _.starts = True


wrapped("a client that hosts.deny names", "", "cat: 127.0.0.5\n", ["127.0.0.5", "127.0.0.6"])
wrapped("hosts.allow wins", "cat: 127.0.0.5\n", "ALL: ALL\n", ["127.0.0.5", "127.0.0.6"])
wrapped("another name", "", "other: 127.0.0.5\n", ["127.0.0.5"])
wrapped("libwrap = NAME", "", "other: 127.0.0.5\n", ["127.0.0.5", "127.0.0.6"], libwrap="other")
wrapped("NOLIBWRAP", "", "ALL: ALL\n", ["127.0.0.5"], flags="IPv4 NOLIBWRAP")


@case("libwrap: a refusal is in the log", service("x"), logs=False)
def _(t):
    bind(t, "hosts.allow", "\n", "/etc/hosts.allow")
    bind(t, "hosts.deny", "ALL: 127.0.0.5\n", "/etc/hosts.deny")
    t.start()
    t.see("refused", t.refused(1, source="127.0.0.5"))
    t.wait_log("FAIL: x libwrap from=127.0.0.5")


_.starts = True
