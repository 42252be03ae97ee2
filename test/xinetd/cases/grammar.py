"""What a file may look like."""
from harness import case, service


def served(name, conf, differs=None, expected=None, files=(), options=()):
    """Whether the services on three ports answer."""
    def run(t):
        for path, text in files:
            t.write(path, text)
        t.start()
        got = tuple(not t.refused(n) for n in (1, 2, 3))
        if expected:
            t.only("xinetd", "served", got, expected[0])
            t.only("evinetd", "served", got, expected[1])
        else:
            t.see("served", got)
    run.starts = True
    case(name, conf, differs, options=options, logs=False)(run)


def plain(name, port, *more):
    return "service %s\n{\n type = UNLISTED\n flags = IPv4\n socket_type = stream\n wait = no\n user = root\n" \
           " server = /bin/cat\n protocol = tcp\n port = %s\n%s}\n" % (name, port, "".join(" %s\n" % m for m in more))


A, B, C = plain("a", "@P1@"), plain("b", "@P2@"), plain("c", "@P3@")

served("several services", A + B + C)
served("comments and blank lines", "# one\n\n   # two\n" + A + "\n\n#service no\n" + B)
served("tabs and no blanks behind the =", A.replace(" = ", "\t=") + B)
served("keys in capitals", A.replace("server =", "SERVER =").replace("wait", "Wait").replace("no\n", "NO\n"))
served("service in capitals", A.replace("service", "SERVICE"))
served("the last newline is missing", (A + B).rstrip("\n"))
served("a comment inside of an entry", A.replace("{\n", "{\n# comment\n"))
served("an attribute that nobody knows", plain("a", "@P1@", "colour = blue") + B)
served("an attribute twice: the first counts", plain("a", "@P1@", "port = @P2@") + C)
served("a wrong value disables this service only", plain("a", "@P1@", "wait = perhaps").replace(" wait = no\n", "") + B)
served("a missing wait disables this service only", A.replace(" wait = no\n", "") + B)
served("a missing user disables this service only", A.replace(" user = root\n", "") + B)
served("a missing server disables this service only", A.replace(" server = /bin/cat\n", "") + B)
served("an unknown user disables this service only", A.replace("root", "nosuchuser") + B)
served("an unknown group disables this service only", plain("a", "@P1@", "group = nosuchgroup") + B)
served("an unknown protocol disables this service only", A.replace("tcp", "nosuch") + B)
served("an unknown socket_type disables this service only", A.replace("stream", "brook") + B)
served("an unknown type disables this service only", A.replace("UNLISTED", "UNLISTED ODD") + B)
served("an unknown flag disables this service only", A.replace("IPv4", "IPv4 ODD") + B)
served("a port that is none disables this service only", A.replace("@P1@", "99999") + B)
served("an unlisted service without a port", A.replace(" port = @P1@\n", "") + B)
served("a bad nice disables this service only", plain("a", "@P1@", "nice = lots") + B)
served("a bad umask disables this service only", plain("a", "@P1@", "umask = 999") + B)
served("a bad rlimit disables this service only", plain("a", "@P1@", "rlimit_as = lots") + B)
served("bad instances disable this service only", plain("a", "@P1@", "instances = lots") + B)
served("a bad per_source disables this service only", plain("a", "@P1@", "per_source = lots") + B)
served("a bad access_times disables this service only", plain("a", "@P1@", "access_times = 25:00-26:00") + B)
served("a bad log_type disables this service only", plain("a", "@P1@", "log_type = STONE") + B)
served("a bad log_on_success disables this service only", plain("a", "@P1@", "log_on_success = COLOUR") + B)
served("a bad env disables this service only", plain("a", "@P1@", "env -= A=1") + B)
served("a bad bind disables this service only", plain("a", "@P1@", "bind = no.such.host.invalid") + B)
served("a bad redirect disables this service only", plain("a", "@P1@", "redirect = no.such.host.invalid 80") + B)
served("a bad banner is no reason", plain("a", "@P1@", "banner = /nonexistent") + B)
served("a server that is no file disables this service only", A.replace("/bin/cat", "/nonexistent") + B)
served("a datagram service with wait = no is disabled", A.replace("stream", "dgram").replace("tcp", "udp") + B)
served("disabled names services", "defaults\n{\n disabled = a\n}\n" + A + B)
served("enabled names all that there are", "defaults\n{\n enabled = b\n}\n" + A + B + C)
served("disabled wins over enabled", "defaults\n{\n enabled = a b\n disabled = a\n}\n" + A + B + C)
served("an empty enabled is none", "defaults\n{\n enabled =\n}\n" + A)
served("enabled does not revive what is disabled", "defaults\n{\n enabled = a b\n}\n" + plain("a", "@P1@", "disable = yes") + B)
served("disabled += adds", "defaults\n{\n disabled = a\n disabled += b\n}\n" + A + B + C)
served("include", "include @DIR@/more\n" + A, files=[("more", B)])
served("an include that is not there", "include @DIR@/nothing\n" + A)
served("includedir takes names without dots", "includedir @DIR@/d\n" + A,
       files=[("d/one", B), ("d/two.conf", C), ("d/three~", C)])
served("an includedir that is not there", "includedir @DIR@/nothing\n" + A)
served("an includedir with a folder in it", "includedir @DIR@/d\n" + A, files=[("d/one", B), ("d/sub/x", C)])
served("defaults in an included file", A + "include @DIR@/more\n" + B, files=[("more", "defaults\n{\n disabled = a\n}\n")])
served("a second defaults in the same file is left out", "defaults\n{\n disabled = a\n}\ndefaults\n{\n disabled = b\n}\n" + A + B)
served("rubbish between entries", A + "rubbish here\n" + B,
       {"grammar": "rubbish took the entry behind it along"}, ((True, False, False), (True, True, False)))
served("no_access in defaults", "defaults\n{\n no_access = 127.0.0.1\n}\n" + A)
served("only_from in defaults, and a service adds to it", "defaults\n{\n only_from = 127.0.0.9\n}\n" +
       plain("a", "@P1@", "only_from += 127.0.0.1") + B)
served("only_from in defaults, and a service has its own", "defaults\n{\n only_from = 127.0.0.9\n}\n" +
       plain("a", "@P1@", "only_from = 127.0.0.1") + B)
served("only_from in defaults, and a service takes from it", "defaults\n{\n only_from = 127.0.0.1\n}\n" +
       plain("a", "@P1@", "only_from -= 127.0.0.1") + B)
served("an entry that is not closed", A + "service b\n{\n type = UNLISTED\n", )
served("a { on the line of the service", A + B.replace("b\n{", "b {"),
       {"grammar": "the entry was dropped; it is taken, with a warning"}, ((True, False, False), (True, True, False)))
served("a comment behind a value of several", plain("a", "@P1@", "only_from = 127.0.0.1 # me") + B)
served("a comment behind a number", plain("a", "@P1@", "instances = 5 # five") + B)
served("lines that end in CR LF", (A + B).replace("\n", "\r\n"),
       {"grammar": "the CR was part of each last value: no service was right"},
       ((False, False, False), (True, True, False)))
served("two values for bind", plain("a", "@P1@", "bind = 127.0.0.1 127.0.0.2") + B,
       {"B38": "the attribute was left out: the service listened everywhere"},
       ((True, True, False), (False, True, False)))
served("a blank is missing before the =", A + B.replace("port =", "port="))
served("wrong words in defaults", "defaults\n{\n colour = blue\n}\n" + A)
served("max_load = 0 in a service", plain("a", "@P1@", "max_load = 0") + B,
       {"B39": "the value of xinetd's own sample made the service wrong"},
       ((False, True, False), (True, True, False)))
served("TRAFFIC in defaults", "defaults\n{\n log_type = FILE @DIR@/log\n log_on_success = PID TRAFFIC\n}\n" + A,
       {"B40": "every service that was no redirect was disabled"}, ((False, False, False), (True, False, False)))
served("mdns is passed over", plain("a", "@P1@", "mdns = yes") + B)
served("REUSE, NORETRY and NOLIBWRAP are flags", plain("a", "@P1@").replace("IPv4", "IPv4 REUSE NORETRY NOLIBWRAP") + B)
served("NODELAY and KEEPALIVE are flags", plain("a", "@P1@").replace("IPv4", "IPv4 NODELAY KEEPALIVE") + B)

served("form feeds between entries", "\f\n" + A + "\f\n" + B)
served("two types: the first counts", plain("a", "@P1@", "type = INTERNAL") + B)
served("nice with a +", plain("a", "@P1@", "nice = +5") + B)
served("instances with a +", plain("a", "@P1@", "instances = +5") + B)
served("passenv = * passes nothing", plain("a", "@P1@", "passenv = *") + B)
served("a } with more behind it", A.replace("}\n", "};\n"))
served("an entry in one line", "service a { socket_type = stream }\n")
served("a line that goes on behind a backslash", plain("a", "@P1@", "only_from = 127.0.0.1 \\\n 10.0.0.1"))
served("commas in only_from", plain("a", "@P1@", "only_from = 10.0.0.1, 127.0.0.1") + B)
served("quotes around disable", plain("a", "@P1@", 'disable = "no"') + B)
served("disable = true", plain("a", "@P1@", "disable = true") + B)
served("a user with a group behind it", A.replace("root", "root:root") + B)
served("a comment behind disable = yes", plain("a", "@P1@", "disable = yes # for now") + B,
       {"B38": "the attribute was left out: the service was on"}, ((True, True, False), (False, True, False)))
served("disable += yes", plain("a", "@P1@", "disable += yes") + B,
       {"grammar": "the attribute was left out: the service was on"}, ((True, True, False), (False, True, False)))
served("commas in disabled", "defaults\n{\n disabled = a, b\n}\n" + A + B + C,
       {"grammar": "the comma was a part of the name: the service was on"},
       ((True, False, True), (False, False, True)))
served("a { that is a part of the name", A + B.replace("b\n{", "b{"),
       {"grammar": "the entry was dropped; it is taken, with a warning"}, ((True, False, False), (True, True, False)))
served("a wrong name for only_from", plain("a", "@P1@", "onlyfrom = 10.0.0.1") + B,
       {"grammar": "the attribute was left out: everybody was let in"}, ((True, True, False), (False, True, False)))
served("a wrong name for only_from in defaults", "defaults\n{\n only_form = 10.0.0.1\n}\n" + A,
       {"grammar": "the attribute was left out: everybody was let in"}, ((True, False, False), (False, False, False)))
served("disabled in a service", plain("a", "@P1@", "disabled = yes") + B,
       {"grammar": "the attribute was left out: the service was on"}, ((True, True, False), (False, True, False)))
served("default instead of defaults", "default\n{\n only_from = 10.0.0.1\n}\n" + A,
       {"grammar": "the entry was dropped: everybody was let in"}, ((True, False, False), (False, False, False)))


@case("defaults that stand behind a service hold for it", A + "defaults\n{\n only_from = 127.0.0.9\n}\n", logs=False,
      differs={"B7": "a service before the defaults did not have their lists"})
def _(t):
    refused = t.refused(1)
    t.only("xinetd", "refused", refused, False)
    t.only("evinetd", "refused", refused, True)
