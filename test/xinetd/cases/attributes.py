"""What single attributes do to a service and to its program."""
from harness import case, service

def program(name, conf, line, differs=None, group="attributes", **how):
    """A service whose program is a line of shell; its answer is compared."""
    def run(t):
        t.write("program", "#!/bin/sh\n" + line + "\n", 0o755)
        t.start()
        t.see("answer", t.ask(1))
        t.wait_log("EXIT")
    run.starts = True
    return case(name, conf, differs, **how)(run)


@case("cat answers and its end is logged", service("cat"))
def _(t):
    t.see("answer", t.ask(1, b"hello\n"))
    t.wait_log("EXIT")


@case("the status of the program is in the log", service("exit", server="/bin/sh", server_args="@DIR@/p"))
def _(t):
    t.write("p", "exit 7\n")
    t.see("answer", t.ask(1))
    t.wait_log("EXIT")


@case("the signal that ended the program is in the log", service("die", server="/bin/sh",
                                                                  server_args="@DIR@/p"))
def _(t):
    t.write("p", "kill -9 $$\n")
    t.see("answer", t.ask(1))
    t.wait_log("EXIT")


program("argv[0] is the name of the program", service("argv", server="@DIR@/program"), 'echo "$0" | sed "s|.*/||"')
program("the arguments are those of server_args",
        service("args", server="@DIR@/program", server_args="-a b  c\td"), 'echo "$#:$1:$2:$3:$4"')
program("env is added", service("env", server="@DIR@/program", env="A=1 B=two"), 'echo "$A $B"')
program("env += adds", service("env", server="@DIR@/program", env=["A=1", "+= B=2 C=3"]), 'echo "$A $B $C"')
program("REMOTE_HOST is the client's address", service("rh", server="@DIR@/program"), 'echo "$REMOTE_HOST"')
program("passenv passes only what it names", service("pe", server="@DIR@/program", passenv="HOME"),
        'echo "home=${HOME:+set} lang=${LC_ALL:-none} diff=${DIFFERENTIAL:-none}"')
program("without passenv everything is passed", service("pe", server="@DIR@/program"),
        'echo "diff=${DIFFERENTIAL:+set}"')
program("umask is set", service("um", server="@DIR@/program", umask="077"), "umask")
program("without umask it is 022 at least", service("um", server="@DIR@/program"), "umask")
program("the user is changed, and its group", service("us", server="@DIR@/program", user="nobody"), "id -u; id -g")
program("group is another group", service("gr", server="@DIR@/program", user="nobody", group="daemon"), "id -g")
program("without groups there are none", service("gs", server="@DIR@/program", user="nobody"), "id -G")
program("groups = yes gives the user's groups",
        service("gs", server="@DIR@/program", user="root", groups="yes"), "id -G")
program("nice is added", service("ni", server="@DIR@/program", nice="5"), "nice")
program("rlimit_cpu is a limit of seconds", service("rl", server="@DIR@/program", rlimit_cpu="7"), "ulimit -t; ulimit -Ht")
program("rlimit_as is a limit of bytes", service("rl", server="@DIR@/program", rlimit_as="512M"), "ulimit -v")
program("rlimit_data and rlimit_stack are limits of bytes",
        service("rl", server="@DIR@/program", rlimit_data="256M", rlimit_stack="4M"), "ulimit -d; ulimit -s")
program("rlimit_rss is a limit of bytes", service("rl", server="@DIR@/program", rlimit_rss="100M"), "ulimit -m")
program("UNLIMITED is a limit, too", service("rl", server="@DIR@/program", rlimit_cpu="UNLIMITED"), "ulimit -t")
program("the folder is the root", service("cwd", server="@DIR@/program"), "pwd")
program("the program leads a session", service("sid", server="@DIR@/program"),
        '[ "$(ps -o sid= -p $$ | tr -d " ")" = $$ ] && echo leads')
program("standard error is the client", service("err", server="@DIR@/program"), "echo wrong >&2")
program("no other descriptor is open", service("fds", server="@DIR@/program"),
        "exec python3 -c 'import os; print(sorted(int(f) for f in os.listdir(\"/proc/self/fd\"))[:-1])'")
program("no signal is ignored", service("sig", server="@DIR@/program"),
        # Those that have a name: what a caller ignores beyond them, xinetd passes on.
        "grep -E 'SigIgn|SigBlk' /proc/self/status | sed 's/\\t.*\\(.......\\)$/ \\1/'")


@case("NAMEINARGS gives argv[0]", service("nia", flags="IPv4 NAMEINARGS", server="/usr/bin/python3",
                                           server_args="myname -S @DIR@/p more"))
def _(t):
    t.write("p", "print(open('/proc/self/cmdline').read().split(chr(0))[:2])\n")
    t.see("answer", t.ask(1))
    t.wait_log("EXIT")


@case("NAMEINARGS works behind server_args", service("nia", flags=None, server="/usr/bin/python3",
                                                      server_args=["myname -S @DIR@/p", ], type=["UNLISTED"],
                                                      wait=["no"], groups=["yes\n\tflags = IPv4 NAMEINARGS"]),
      logs=False, differs={"B23": "argv[0] was missing if the flag stood behind server_args"})
def _(t):
    t.write("p", "print(open('/proc/self/cmdline').read().split(chr(0))[:2])\n")
    answer = t.ask(1)
    t.see("something", True)
    t.only("evinetd", "answer", answer, b"['myname', '-S']\n")


@case("id is the name in the log", service("svc", id="other-name"))
def _(t):
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT: other-name")


@case("two services of one name with different ids", service("svc", id="a") + service("svc", id="b", port="@P2@"))
def _(t):
    t.see("answers", (t.ask(1, b"x"), t.ask(2, b"y")))
    t.wait_log("EXIT", 2)


@case("two services of one name without ids", service("svc") + service("svc", port="@P2@"))
def _(t):
    t.see("answers", (t.ask(1, b"x"), t.ask(2, b"y")))
    t.wait_log("EXIT: svc", 2)


@case("disable = yes is no service", service("off", disable="yes") + service("on", port="@P2@"))
def _(t):
    t.see("answers", (t.refused(1), t.ask(2, b"y")))
    t.wait_log("EXIT", 1)


@case("disable = no is one", service("on", disable="no"))
def _(t):
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT")


@case("bind is one address", service("b", bind="127.0.0.5"))
def _(t):
    t.see("there", t.ask(1, b"x", host="127.0.0.5"))
    t.see("elsewhere", t.ask(1, b"x", host="127.0.0.1"))
    t.wait_log("EXIT")


@case("interface is another name of bind", service("b", interface="127.0.0.5"))
def _(t):
    t.see("there", t.ask(1, b"x", host="127.0.0.5"))
    t.see("elsewhere", t.ask(1, b"x", host="127.0.0.1"))
    t.wait_log("EXIT")


@case("bind takes a name", service("b", bind="localhost"))
def _(t):
    t.see("there", t.ask(1, b"x", host="127.0.0.1"))
    t.see("elsewhere", t.ask(1, b"x", host="127.0.0.9"))
    t.wait_log("EXIT")


@case("bind takes an IPv6 address", service("b", bind="::1", flags=None))
def _(t):
    t.see("there", t.ask(1, b"x", host="::1"))
    t.see("elsewhere", t.ask(1, b"x", host="127.0.0.1"))
    t.wait_log("EXIT")


@case("without a flag both families are served", service("both", flags=None))
def _(t):
    t.see("answers", (t.ask(1, b"4"), t.ask(1, b"6", host="::1")))
    t.wait_log("EXIT", 2)


@case("IPv6 with v6only serves IPv6 only", service("six", flags="IPv6", v6only="yes"))
def _(t):
    t.see("answers", (t.ask(1, b"4"), t.ask(1, b"6", host="::1")))
    t.wait_log("EXIT")


@case("IPv6 alone serves IPv4 as well", service("six", flags="IPv6"))
def _(t):
    t.see("answers", (t.ask(1, b"4"), t.ask(1, b"6", host="::1")))
    t.wait_log("EXIT", 2)


@case("v6only = no means no", service("six", flags="IPv6", v6only="no"), logs=False,
      differs={"B10": "any value of v6only turned it on"})
def _(t):
    t.see("six", t.ask(1, b"6", host="::1"))
    four = t.ask(1, b"4")
    t.only("xinetd", "four", four, "ECONNREFUSED")
    t.only("evinetd", "four", four, b"4")
    t.wait_log("EXIT")


@case("a wait service gets the listening socket", service(
    "w", wait="yes", server="/usr/bin/python3", server_args="@DIR@/p"))
def _(t):
    t.write("p", "import socket\ns = socket.socket(fileno=0)\nfor i in range(2):\n"
                 "    c, a = s.accept()\n    c.sendall(b'taken')\n    c.close()\n")
    t.see("answers", (t.ask(1), t.ask(1)))
    t.wait_log("EXIT")


@case("a datagram service gets the socket and the sender", service(
    "u", socket_type="dgram", protocol="udp", wait="yes", server="/usr/bin/python3", server_args="@DIR@/p"))
def _(t):
    t.write("p", "import socket\ns = socket.socket(fileno=0)\nd, a = s.recvfrom(100)\ns.sendto(d.upper(), a)\n")
    t.see("answer", t.datagram(1, b"hello"))
    t.wait_log("EXIT")
    t.see("again", t.datagram(1, b"again"))
    t.wait_log("EXIT", 2)


@case("a program that cannot be run serves nobody", service("x", server="@DIR@/nothing"), logs=False)
def _(t):
    t.see("answer", t.refused(1))


@case("socket_type alone says the protocol", service("st", protocol=None, type="INTERNAL UNLISTED", id="echo-stream"))
def _(t):
    t.see("answer", t.refused(1))


@case("a short answer arrives although the client said more", service(
    "greet", server="/bin/echo", server_args="hello", log_on_success="PID HOST"),
      differs={"B36": "unread input reset the connection, and the answer could be lost"})
def _(t):
    answers = [t.ask(1, b"x" * 5000) for _ in range(10)]
    t.see("something", True)
    t.only("evinetd", "answers", set(answers), {b"hello\n"})


@case("a service on a port of /etc/services", "service tftp\n{\n socket_type = dgram\n protocol = udp\n wait = yes\n"
      " user = root\n server = /bin/false\n}\n" + service("x"))
def _(t):
    t.see("answer", t.ask(1, b"x"))
    t.wait_log("EXIT")


@case("deny of a client with an unlimited per_source", service("x", per_source="UNLIMITED", instances="UNLIMITED"))
def _(t):
    a, b = t.connect(1), t.connect(1)
    t.see("answers", (a.ask(b"a"), b.ask(b"b")))
    a.close()
    b.close()
    t.wait_log("EXIT", 2)


@case("a numeric user", service("num", user="65534", group="65534", server="/usr/bin/id", server_args="-u"))
def _(t):
    t.see("answer", t.ask(1))
    t.wait_log("EXIT")


@case("a numeric user has the group of its account", service("num", user="1", server="/usr/bin/id", server_args="-u"))
def _(t):
    t.see("answer", t.ask(1))
    t.wait_log("EXIT")


@case("a negative nice works for another user", service("ni", user="nobody", server="/usr/bin/nice", nice="-5"),
      differs={"B31": "nice was set when the user had no right to any more"})
def _(t):
    answer = t.ask(1)
    t.only("xinetd", "nice", answer, b"0\n")
    t.only("evinetd", "nice", answer, b"-5\n")
    t.wait_log("EXIT")


def _(t):
    t.write("text", "no program\n", 0o755)
    t.start()
    t.see("answer", t.refused(1))
    if t.kind == "xinetd":
        t.wait_log("EXIT")
    t.only("xinetd", "status=0 in the log", "status=0" in t.text(t.log), True)
    t.only("evinetd", "status=0 in the log", "status=0" in t.text(t.log), False)


_.starts = True
case("a program that is no program ends with a status", service("noexec", server="@DIR@/text"),
     differs={"B32": "an exec that failed was logged as status=0"}, logs=False)(_)
