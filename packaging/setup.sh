#!/bin/sh
# Makes sure that what a target of the Makefile needs is installed: sh packaging/setup.sh PURPOSE.
#
#   build   what compiles the programs       demo   build, and what etc/demo.sh shows
#   check   build, and what the tests run    lint   build, and what test/lint.sh asks
#   fuzz    what the fuzzers need beside build
#   bench   build, and what test/bench/run.sh runs
#   xinetd  build, and what test/xinetd/run.sh runs
#   services  what test/bats/services.bats serves
#
# Silent and quick when everything is there. Otherwise root installs it with the distribution's own
# package manager, and so does a user who may use sudo without a password; anyone else is told the
# one command to run. Nothing but a POSIX system is presumed.
set -u

# purposes what is looked for apt-get       dnf                  apk                pacman           zypper
# A "+" joins several packages; a "-" says that the distribution has none, and then it is not asked for.
table='
bcdl.pxs cmd:cc               gcc              gcc                  gcc                gcc              gcc
bcdl.pxs header:stdlib.h      libc6-dev        glibc-devel          musl-dev           glibc            glibc-devel
bcdl.pxs header:linux/types.h linux-libc-dev   kernel-headers       linux-headers      linux-api-headers linux-glibc-devel
bcdl.pxs cmd:pkg-config       pkg-config       pkgconf-pkg-config   pkgconf            pkgconf          pkgconf-pkg-config
bcdl.pxs pc:libevent_core     libevent-dev     libevent-devel       libevent-dev       libevent         libevent-devel
bcdl.pxs pc:libconfuse        libconfuse-dev   libconfuse-devel     confuse-dev        confuse          libconfuse-devel
.cdl.px. cmd:bash             bash             bash                 bash               bash             bash
.cd....s cmd:git              git              git-core             git                git              git-core
.cd....s git:git-daemon       git              git-daemon           git-daemon         git              git-daemon
.cd....s cmd:socat            socat            socat                socat              socat            socat
.c...... cmd:bats             bats             bats                 bats               bats             bats
.c...... asan:libasan         gcc              libasan+libubsan     -                  gcc-libs         gcc
.c.l..x. header:tcpd.h        libwrap0-dev     tcp_wrappers-devel   -                  -                tcpd-devel
.c.....s cmd:rsync            rsync            rsync                rsync              rsync            rsync
.c.....s cmd:in.tftpd         tftpd-hpa        tftp-server          tftp-hpa           tftp-hpa         tftp
.c.....s cmd:tftp             tftp-hpa         tftp                 tftp-hpa           tftp-hpa         tftp
.c...... cmd:nc               netcat-openbsd   nmap-ncat            netcat-openbsd     openbsd-netcat   netcat-openbsd
.c...... cmd:rpcbind          rpcbind          rpcbind              rpcbind            rpcbind          rpcbind
.c...... cmd:rpcinfo          rpcbind          rpcbind              rpcbind            rpcbind          rpcbind
.c...... cmd:strace           strace           strace               strace             strace           strace
.c...pxs cmd:python3          python3          python3              python3            python           python3
.c.....s cmd:perl             perl             perl                 perl               perl             perl
.c...px. cmd:pgrep            procps           procps-ng            procps-ng          procps-ng        procps
.c...... cmd:ss               iproute2         iproute              iproute2           iproute2         iproute2
.c....x. cmd:ip               iproute2         iproute              iproute2           iproute2         iproute2
.c....x. cmd:unshare          util-linux       util-linux           util-linux         util-linux       util-linux
.c....x. cmd:mount            mount            util-linux           mount              util-linux       util-linux
.c...... cmd:setpriv          util-linux       util-linux           setpriv            util-linux       util-linux
.c....x. etc:protocols        netbase          setup                alpine-baselayout  iana-etc         netcfg
.c....x. etc:services         netbase          setup                alpine-baselayout  iana-etc         netcfg
.c...... cmd:jq               jq               jq                   jq                 jq               jq
.c...... cmd:fail2ban-regex   fail2ban         fail2ban-server      fail2ban           fail2ban         fail2ban
.....p.. cmd:gnuplot          gnuplot-nox      gnuplot              gnuplot            gnuplot          gnuplot
...l.... cmd:cppcheck         cppcheck         cppcheck             cppcheck           cppcheck         cppcheck
...lf... cmd:clang            clang            clang                clang              clang            clang
....f... rt:fuzzer            libclang-rt-dev  compiler-rt          compiler-rt        compiler-rt      clang
...l.... cmd:clang-tidy       clang-tidy       clang-tools-extra    clang-extra-tools  clang            clang-tools
...l.... cmd:clang-format     clang-format     clang-tools-extra    clang-extra-tools  clang            clang-tools
...l.... cmd:shellcheck       shellcheck       ShellCheck           shellcheck         shellcheck       ShellCheck
...l.... cmd:mandoc           mandoc           mandoc               mandoc             mandoc           mandoc
.......s cmd:vsftpd           vsftpd           vsftpd               vsftpd             vsftpd           vsftpd
.......s cmd:svnserve         subversion       subversion-server+subversion subversion subversion      subversion-server+subversion
.......s cmd:cvs              cvs              cvs                  cvs                cvs              cvs
.......s cmd:in.fingerd       fingerd          finger-server        -                  -                finger-server
.......s cmd:finger           finger           finger               -                  -                finger
.......s cmd:nullidentd       nullidentd       -                    -                  -                -
.......s cmd:telnetd          inetutils-telnetd -                   -                  inetutils        -
.......s cmd:telnet           inetutils-telnet telnet               -                  inetutils        telnet
.......s cmd:talkd            inetutils-talkd  -                    -                  inetutils        -
.......s cmd:nbdkit           nbdkit           nbdkit               nbdkit             nbdkit           nbdkit
.......s cmd:nbdinfo          libnbd-bin       libnbd               libnbd             libnbd           libnbd
.......s lib:amanda/amandad   amanda-client    amanda-client        -                  -                amanda
.......s cmd:ab               apache2-utils    httpd-tools          apache2-utils      apache           apache2-utils
.......s cmd:haproxy          haproxy          haproxy              haproxy            haproxy          haproxy
.......s cmd:curl             curl             curl                 curl               curl             curl
'

say() {
	echo "setup: $*" >&2
}

# Daemons live where a user's PATH may not lead.
have() {
	command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]
}

# Only the first word of CC and PKG_CONFIG is a command.
first_word() {
	echo "$1"
}

is_there() {
	what=${1#*:}
	case $1 in
	cmd:cc)
		# shellcheck disable=SC2086
		have "$(first_word ${CC:-cc})"
		;;
	cmd:pkg-config)
		# shellcheck disable=SC2086
		have "$(first_word ${PKG_CONFIG:-pkg-config})"
		;;
	cmd:*) have "$what" ;;
	pc:*) ${PKG_CONFIG:-pkg-config} --exists "$what" 2>/dev/null ;;
	header:*) [ -e "/usr/include/$what" ] || [ -e "/usr/include/$(uname -m)-linux-gnu/$what" ] ;;
	etc:*) [ -e "/etc/$what" ] || [ -e "/usr/etc/$what" ] ;;
	lib:*) [ -x "/usr/lib/$what" ] || [ -x "/usr/libexec/$what" ] ;;
	git:*) [ -x "$(git --exec-path 2>/dev/null)/$what" ] ;;
	rt:*) ls "$(clang -print-resource-dir 2>/dev/null)"/lib/*/*clang_rt."$what"* >/dev/null 2>&1 ;;
	# A compiler that does not have it repeats the name only.
	asan:) case $(${CC:-cc} -print-file-name=libasan.so 2>/dev/null) in */*) ;; *) false ;; esac ;;
	esac
}

# Sets $packages and $missing for the columns of one package manager ("" for none).
look() {
	packages=
	missing=
	while read -r purposes test apt_get dnf apk pacman zypper; do
		case $purposes in *"$letter"*) ;; *) continue ;; esac
		case $manager in
		apt-get) names=$apt_get ;;
		dnf) names=$dnf ;;
		apk) names=$apk ;;
		pacman) names=$pacman ;;
		zypper) names=$zypper ;;
		*) names=${test#*:} ;;
		esac
		[ "$names" != - ] || continue
		is_there "$test" && continue
		missing="$missing ${test#*:}"
		for name in $(echo "$names" | tr + ' '); do
			case " $packages " in *" $name "*) ;; *) packages="$packages $name" ;; esac
		done
	done <<END
$table
END
	packages=${packages# }
}

# Debian starts the services of what it installs, and no test wants one: the policy forbids it while
# we install. If there is a policy already, it is the administrator's, and stays.
policy=/usr/sbin/policy-rc.d
policy_line='# evinetd packaging/setup.sh: no service is started while it installs'

forbid_services() {
	if [ -e "$policy" ] && ! grep -qF "$policy_line" "$policy"; then
		return
	fi
	trap 'rm -f "$policy"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	printf '#!/bin/sh\n%s\nexit 101\n' "$policy_line" >"$policy" && chmod 755 "$policy"
}

apt_get_install() {
	apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}

apt_install() {
	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
	were_there=$(ls /etc/init.d 2>/dev/null)
	forbid_services
	# A fresh machine has no lists, an old one has lists of packages that are gone.
	if ! apt-get install --simulate -qq "$@" >/dev/null 2>&1 || ! apt_get_install "$@"; then
		apt-get update -qq && apt_get_install "$@" || return
	fi
	# Nor are they to start with the next boot.
	for service in tftpd-hpa fail2ban; do
		if ! echo "$were_there" | grep -qx "$service" && [ -e "/etc/init.d/$service" ]; then
			update-rc.d "$service" disable
		fi
	done
}

install() {
	case $manager in
	apt-get) apt_install "$@" ;;
	dnf) dnf install -y --setopt=install_weak_deps=False "$@" ;;
	apk) apk add -U "$@" ;;
	pacman) pacman -S --noconfirm --needed "$@" || pacman -Sy --noconfirm --needed "$@" ;;
	zypper) zypper --non-interactive install --no-recommends "$@" ;;
	esac
}

purpose=${1:-}
case $purpose in
build) letter=b ;;
check) letter=c ;;
demo) letter=d ;;
lint) letter=l ;;
fuzz) letter=f ;;
bench) letter=p ;;
xinetd) letter=x ;;
services) letter=s ;;
*)
	echo "usage: sh packaging/setup.sh build|check|demo|lint|fuzz|bench|xinetd|services" >&2
	exit 64
	;;
esac
manager=
for candidate in apt-get dnf apk pacman zypper; do
	if have "$candidate"; then
		manager=$candidate
		break
	fi
done

look
[ -n "$missing" ] || exit 0
if [ -z "$manager" ]; then
	say "this machine lacks:$missing"
	say "please install them: no package manager is known here (apt-get, dnf, apk, pacman, zypper)"
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	here=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
	if have sudo && sudo -n true 2>/dev/null; then
		exec sudo -n sh "$here" "$purpose"
	fi
	say "what is needed is not all here: $packages"
	say "only root can install it (with $manager); run this one command, and then make again:"
	echo "	$(have sudo && echo "sudo ")sh $here $purpose" >&2
	exit 1
fi
say "installing with $manager: $packages"
# shellcheck disable=SC2086 # a list of words
install $packages </dev/null >&2 || {
	say "$manager could not install all of: $packages"
	exit 1
}
look
if [ -n "$missing" ]; then
	say "installed, but still not found:$missing"
	exit 1
fi
