"""only_from and no_access: every form of an address, and which of the two wins."""
from harness import case, service


def who(name, attributes, inside, outside, differs=None, **how):
    """Clients of some addresses are let in, those of others are not."""
    @case(name, service("x", **attributes, **how), differs=differs, logs=False)
    def _(t):
        for source in inside:
            t.see("from " + source, t.ask(1, b"x", source=source))
        for source in outside:
            t.see("from " + source, t.refused(1, source=source))


who("an address is that address", {"only_from": "127.0.0.5"}, ["127.0.0.5"], ["127.0.0.6", "127.0.0.1"])
who("several addresses", {"only_from": "127.0.0.5 127.0.0.7"}, ["127.0.0.5", "127.0.0.7"], ["127.0.0.6"])
who("trailing zeros are wildcards", {"only_from": "127.0.5.0"}, ["127.0.5.1", "127.0.5.200"], ["127.0.6.1"])
who("two trailing zeros", {"only_from": "127.5.0.0"}, ["127.5.1.1"], ["127.6.1.1"])
who("three trailing zeros", {"only_from": "127.0.0.0"}, ["127.9.9.9"], [])
who("0.0.0.0 is everybody", {"only_from": "0.0.0.0"}, ["127.9.9.9"], [])
who("a prefix", {"only_from": "127.0.4.0/22"}, ["127.0.7.255", "127.0.4.1"], ["127.0.8.1", "127.0.3.255"])
who("a prefix of 32 bits", {"only_from": "127.0.0.3/32"}, ["127.0.0.3"], ["127.0.0.2"])
who("a prefix with bits behind it", {"only_from": "127.0.4.77/24"}, ["127.0.4.1"], ["127.0.5.1"])
who("0.0.0.0/0 is everybody", {"only_from": "0.0.0.0/0"}, ["127.9.9.9"], [])
who("a list in braces", {"only_from": "127.0.0.{3,5}"}, ["127.0.0.3", "127.0.0.5"], ["127.0.0.4"])
who("a list in braces in the middle", {"only_from": "127.0.{3,5}"}, ["127.0.3.1", "127.0.5.9"], ["127.0.4.1"])
who("one number in braces", {"only_from": "127.0.0.{3}"}, ["127.0.0.3"], ["127.0.0.4"])
who("no_access alone lets all others in", {"no_access": "127.0.0.5"}, ["127.0.0.6"], ["127.0.0.5"])
who("no_access of a prefix", {"no_access": "127.0.4.0/24"}, ["127.0.5.1"], ["127.0.4.9"])
who("no_access wins", {"only_from": "127.0.0.0", "no_access": "127.0.0.5"}, ["127.0.0.6"], ["127.0.0.5"])
who("no_access wins even if it is wider", {"only_from": "127.0.0.1", "no_access": "127.0.0.0"}, [],
    ["127.0.0.1", "127.0.0.2"])
who("an empty only_from is nobody", {"only_from": "="}, [], ["127.0.0.1"])
who("only_from += adds", {"only_from": ["127.0.0.5", "+= 127.0.0.6"]}, ["127.0.0.5", "127.0.0.6"], ["127.0.0.7"])
who("only_from -= takes away", {"only_from": ["127.0.0.5 127.0.0.6", "-= 127.0.0.6"]}, ["127.0.0.5"], ["127.0.0.6"])
who("only_from -= down to nothing is nobody", {"only_from": ["127.0.0.5", "-= 127.0.0.5"]}, [], ["127.0.0.5"])
who("no_access += adds", {"no_access": ["127.0.0.5", "+= 127.0.0.6"]}, ["127.0.0.7"], ["127.0.0.5", "127.0.0.6"])
who("a name of this machine", {"only_from": "localhost"}, ["127.0.0.1"], ["127.0.0.9"])
who("wrong words in only_from let nobody in", {"only_from": "no.such.host.invalid"}, [], ["127.0.0.1"])
who("an unbalanced brace lets nobody in", {"only_from": "127.0.0.{1,2"}, [], ["127.0.0.1"])
who("an IPv4 entry matches a client of a socket for both families", {"only_from": "127.0.0.5", "flags": None},
    ["127.0.0.5"], ["127.0.0.6"])


@case("an IPv6 address", service("x", flags="IPv6", only_from="::1"), logs=False)
def _(t):
    t.see("six", t.ask(1, b"x", host="::1"))
    t.see("four", t.refused(1))


@case("an IPv6 prefix", service("x", flags="IPv6", only_from="fd00::/8"), logs=False)
def _(t):
    t.see("six", t.refused(1, host="::1"))


@case("::/0 is everybody with IPv6", service("x", flags="IPv6", only_from="::/0"), logs=False)
def _(t):
    t.see("six", t.ask(1, b"x", host="::1"))


@case("an IPv6 prefix of 128 bits", service("x", flags="IPv6", only_from="::1/128"), logs=False,
      differs={"B11": "an entry with /128 never matched"})
def _(t):
    refused = t.refused(1, host="::1")
    t.only("xinetd", "refused", refused, True)
    t.only("evinetd", "refused", refused, False)


@case("a network's name", service("x", only_from="diffnet"), logs=False,
      differs={"B12": "a name of /etc/networks was taken for one address"})
def _(t):
    networks(t, "diffnet 127.7.0.0\n")
    t.start()
    refused = t.refused(1, source="127.7.0.9")
    t.only("xinetd", "refused", refused, True)
    t.only("evinetd", "refused", refused, False)
    t.see("elsewhere", t.refused(1, source="127.8.0.9"))


_.starts = True


def networks(t, text):
    bind(t, "networks", text, "/etc/networks")


def bind(t, name, text, over):
    """Another file in the place of one of the machine's, in this case's world."""
    import os
    import subprocess
    path = t.write(name, text)
    if not os.path.exists(over):
        with open(over, "w", encoding="ascii"):
            pass
    subprocess.run(["mount", "--bind", path, over], check=True)
    t.mounts.append(over)


@case("a wrong word in no_access lets nobody in", service("x", no_access="127.0.0.1/abc"), logs=False,
      differs={"B37": "an entry of no_access that could not be read let everybody in"})
def _(t):
    refused = t.refused(1)
    t.only("xinetd", "refused", refused, False)
    t.only("evinetd", "refused", refused, True)


@case("a host's name is confirmed", service("x", only_from="trusted.example"), logs=False)
def _(t):
    bind(t, "hosts", "127.0.0.1 localhost\n127.0.0.5 trusted.example\n", "/etc/hosts")
    t.start()
    t.see("trusted", t.ask(1, b"x", source="127.0.0.5"))
    t.see("other", t.refused(1, source="127.0.0.6"))


_.starts = True


@case("a domain", service("x", only_from=".example"), logs=False)
def _(t):
    bind(t, "hosts", "127.0.0.1 localhost\n127.0.0.5 a.example\n127.0.0.6 a.other\n", "/etc/hosts")
    t.start()
    t.see("inside", t.ask(1, b"x", source="127.0.0.5"))
    t.see("other", t.refused(1, source="127.0.0.6"))
    t.see("nameless", t.refused(1, source="127.0.0.7"))


_.starts = True


@case("a domain in no_access", service("x", no_access=".bad.example"), logs=False)
def _(t):
    bind(t, "hosts", "127.0.0.1 localhost\n127.0.0.5 a.bad.example\n127.0.0.6 a.good.example\n", "/etc/hosts")
    t.start()
    t.see("bad", t.refused(1, source="127.0.0.5"))
    t.see("good", t.ask(1, b"x", source="127.0.0.6"))


_.starts = True


@case("a refused client is a FAIL address", service("x", only_from="127.0.0.5"),
      differs={"B35": "a refused client cost a START, an EXIT and a process"}, logs=False)
def _(t):
    t.see("refused", t.refused(1))
    t.wait_log("FAIL")
    t.see("fail", [line for line in t.log_lines() if line.startswith("FAIL")])
    if t.kind == "xinetd":
        t.wait_log("EXIT")
    t.only("xinetd", "lines", len(t.log_lines()), 3)
    t.only("evinetd", "lines", len(t.log_lines()), 1)
