# The services that people run most through xinetd: real programs, each with its usual file of
# /etc/xinetd.d, asked by the client that belongs to it. All on their own ports, in a network of their own.

load helper

within() {
	timeout "$PATIENCE" "$@"
}

setup_file() {
	[ "$(id -u)" = 0 ] || skip "the usual files need root"
	sh "$BATS_TEST_DIRNAME/../../packaging/setup.sh" services || skip "the programs cannot be installed"
}

# serve NAME: the file is on standard input. The defaults are those of a distribution.
serve() {
	need_namespace n
	mkdir -p xinetd.d
	cat >"xinetd.d/$1"
	cat >xinetd.conf <<-END
		defaults
		{
			log_type       = FILE $PWD/service.log
			log_on_success = PID HOST DURATION EXIT
			log_on_failure = HOST
			cps            = 500 2
			instances      = 100
			per_source     = 100
			v6only         = no
			groups         = yes
			umask          = 002
		}
		includedir $PWD/xinetd.d
	END
	echo "xinetd(\"$PWD/xinetd.conf\")" >"$CONF"
	# The programs may be started by others than root.
	chmod o+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_TEST_TMPDIR"
	# Without an address of its own, a machine looks up no names for those who ask as a client does.
	background unshare -n sh -c 'ip link set lo up && ip address add 192.0.2.1/32 dev lo &&
		echo up >network && exec sleep 600'
	wait_for_file network
	NETWORK=$HELPER
	run_under nsenter -t "$NETWORK" -n --
	start_evinetd
}

# A client in the same network.
client() {
	within nsenter -t "$NETWORK" -n -- "$@"
}

service_log_has() {
	grep -qE "$1" service.log
}

# logged NAME: one session of the service has begun and ended, in the words of xinetd.
logged() {
	wait_until service_log_has "START: $1 pid=[0-9]+ from=(::ffff:)?(127\.0\.0\.1|::1)\$"
	wait_until service_log_has "EXIT: $1 status=${2:-[0-9]+} pid=[0-9]+ duration=[0-9]+\(sec\)"
}

@test "rsync" {
	mkdir share
	head -c 300000 /dev/urandom >share/blob
	cat >rsyncd.conf <<-END
		use chroot = no
		[share]
			path = $PWD/share
			read only = yes
	END
	serve rsync <<-END
		# default: off
		# description: The rsync server is a good addition to an ftp server, as it \\
		#	allows crc checksumming etc.
		service rsync
		{
			disable         = no
			flags           = IPv6
			socket_type     = stream
			wait            = no
			user            = root
			server          = /usr/bin/rsync
			server_args     = --daemon --config=$PWD/rsyncd.conf
			log_on_failure  += USERID
		}
	END
	client rsync -a rsync://127.0.0.1/share/ copy/
	cmp share/blob copy/blob
	logged rsync 0
}

@test "git" {
	git init -q work
	head -c 300000 /dev/urandom >work/blob
	git -C work add blob
	git -C work -c user.name=t -c user.email=t@example.org commit -q -m one
	mkdir served
	git clone -q --bare work served/repo
	serve git <<-END
		service git
		{
			disable         = no
			port            = 9418
			socket_type     = stream
			wait            = no
			user            = root
			server          = /usr/bin/git
			server_args     = daemon --inetd --export-all --base-path=$PWD/served $PWD/served
			type            = UNLISTED
		}
	END
	client git clone -q git://127.0.0.1/repo copy
	cmp work/blob copy/blob
	logged git 0
}

@test "tftp" {
	mkdir tftpboot
	head -c 100000 /dev/urandom >tftpboot/blob
	chmod 755 tftpboot
	chmod 644 tftpboot/blob
	serve tftp <<-END
		service tftp
		{
			socket_type     = dgram
			protocol        = udp
			wait            = yes
			user            = root
			server          = /usr/sbin/in.tftpd
			server_args     = -s $PWD/tftpboot
			disable         = no
			per_source      = 11
			cps             = 100 2
			flags           = IPv4
		}
	END
	client tftp -m binary 127.0.0.1 -c get blob got
	cmp tftpboot/blob got
	wait_until service_log_has 'START: tftp pid=[0-9]+ from=127\.0\.0\.1'
}

@test "ftp, by vsftpd" {
	mkdir -p empty public
	echo hello >public/file
	chmod 755 public
	cat >vsftpd.conf <<-END
		listen=NO
		anonymous_enable=YES
		local_enable=NO
		anon_root=$PWD/public
		secure_chroot_dir=$PWD/empty
		run_as_launching_user=NO
		seccomp_sandbox=NO
	END
	serve ftp <<-END
		service ftp
		{
			disable                 = no
			socket_type             = stream
			wait                    = no
			user                    = root
			server                  = /usr/sbin/vsftpd
			server_args             = $PWD/vsftpd.conf
			per_source              = 5
			instances               = 200
			banner_fail             = $PWD/busy
			log_on_success          += PID HOST DURATION
			log_on_failure          += HOST
			nice                    = 10
		}
	END
	[ "$(client curl -sS ftp://127.0.0.1/file)" = hello ]
	logged ftp
}

@test "svn, by svnserve" {
	svnadmin create repo
	mkdir content
	head -c 100000 /dev/urandom >content/blob
	svn import -q -m one content "file://$PWD/repo"
	serve svn <<-END
		service svn
		{
			port        = 3690
			socket_type = stream
			protocol    = tcp
			wait        = no
			user        = root
			server      = /usr/bin/svnserve
			server_args = -i -r $PWD
			disable     = no
		}
	END
	client svn checkout -q svn://127.0.0.1/repo copy
	cmp content/blob copy/blob
	logged svn
}

@test "cvs, by pserver" {
	mkdir cvsroot source
	cvs -d "$PWD/cvsroot" init
	# It refuses to serve as root.
	echo 'anonymous::nobody' >cvsroot/CVSROOT/passwd
	echo text >source/file
	(cd source && cvs -Q -d "$BATS_TEST_TMPDIR/cvsroot" import -m one module vendor start)
	chown -R nobody cvsroot
	serve cvspserver <<-END
		service cvspserver
		{
			disable            = no
			port               = 2401
			socket_type        = stream
			protocol           = tcp
			wait               = no
			user               = root
			passenv            = PATH
			server             = /usr/bin/cvs
			env                = HOME=$PWD
			server_args        = -f --allow-root=$PWD/cvsroot pserver
		}
	END
	HOME=$PWD CVS_PASSFILE=$PWD/cvspass client cvs -Q -d ":pserver:anonymous:@127.0.0.1:$PWD/cvsroot" checkout module
	[ "$(cat module/file)" = text ]
	logged cvspserver 0
}

@test "finger" {
	serve finger <<-END
		service finger
		{
			disable	= no
			socket_type	= stream
			wait		= no
			user		= nobody
			server		= /usr/sbin/in.fingerd
		}
	END
	client finger root@127.0.0.1 | grep -q 'Login: root'
	logged finger 0
}

@test "ident, by nullidentd" {
	serve auth <<-END
		service auth
		{
			flags           = REUSE
			socket_type     = stream
			wait            = no
			user            = nobody
			server          = /usr/sbin/nullidentd
			server_args     = joe
			log_on_failure  += USERID
			disable         = no
		}
	END
	printf '22, 1234\r\n' | client socat -t 5 - TCP:127.0.0.1:113 | grep -q '22, 1234 : USERID : UNIX : '
	logged auth
}

says_terminal() {
	grep -q 'you are on a terminal: /dev/pts/' heard
}

@test "telnet" {
	printf '#!/bin/sh\necho "you are on a terminal: $(tty)"\n' >login
	chmod 755 login
	serve telnet <<-END
		# default: on
		# description: The telnet server serves telnet sessions; it uses \\
		#	unencrypted username/password pairs for authentication.
		service telnet
		{
			flags		= REUSE
			socket_type	= stream
			wait		= no
			user		= root
			server		= /usr/sbin/telnetd
			server_args	= -E $PWD/login
			log_on_failure	+= USERID
			disable		= no
		}
	END
	: >heard
	# It ends when there is nothing more to type.
	client telnet 127.0.0.1 >heard < <(wait_until says_terminal) || true
	says_terminal
	logged telnet
}

@test "ntalk" {
	serve ntalk <<-END
		service ntalk
		{
			disable	= no
			socket_type	= dgram
			wait		= yes
			user		= root
			group		= tty
			server		= /usr/sbin/talkd
		}
	END
	# Somebody looks for an invitation that nobody has made: version 1, LOOK_UP, "not here" (answer 1).
	client python3 - <<-'END'
		import socket, struct
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("127.0.0.1", 0))
		s.settimeout(10)
		me = struct.pack("!HH4s8x", socket.AF_INET, s.getsockname()[1], socket.inet_aton("127.0.0.1"))
		s.sendto(struct.pack("!BBBBI16s16si12s12s16s", 1, 1, 0, 0, 7, me, me, 1, b"root", b"root", b""), ("127.0.0.1", 518))
		answer = s.recv(1000)
		assert answer[0] == 1 and answer[1] == 1 and answer[2] != 0, answer
	END
	wait_until service_log_has 'START: ntalk pid=[0-9]+ from=127\.0\.0\.1'
}

@test "a network block device, by nbdkit" {
	truncate -s 3M disk
	serve nbd <<-END
		service nbd
		{
			disable     = no
			type        = UNLISTED
			port        = 10809
			protocol    = tcp
			socket_type = stream
			wait        = no
			user        = root
			server      = $(command -v nbdkit)
			server_args = -s -r file $PWD/disk
		}
	END
	[ "$(client nbdinfo --size nbd://127.0.0.1)" = 3145728 ]
	logged nbd 0
}

@test "amanda" {
	serve amanda <<-END
		service amanda
		{
			disable         = no
			flags           = IPv4
			socket_type     = stream
			protocol        = tcp
			wait            = no
			user            = backup
			group           = backup
			groups          = yes
			server          = $(find /usr/lib /usr/libexec -path '*/amanda/amandad' 2>/dev/null | head -n 1)
			server_args     = -auth=bsdtcp amdump
		}
	END
	# What "amcheck -c" begins with. A frame is a length, a handle, and a packet: its kind and its text. A
	# request (0) is acknowledged (3) and answered (1). The port has to be one of root's.
	client python3 - >answer <<-'END'
		import socket, struct
		s = socket.socket()
		s.bind(("127.0.0.1", 900))
		s.settimeout(10)
		s.connect(("127.0.0.1", 10080))
		frames = s.makefile("rb")
		def send(packet):
		    s.sendall(struct.pack("!II", len(packet), 1) + packet)
		def hear():
		    length, handle = struct.unpack("!II", frames.read(8))
		    return frames.read(length).rstrip(b"\0").decode("latin1")
		send(b"\0SECURITY USER backup\nSERVICE noop\nOPTIONS features=ffffffff9efefbffffffffff1f;\n")
		assert hear() == "\3"
		print(hear())
		send(b"\3")
	END
	grep -qa $'^\001OPTIONS features=[0-9a-f]*;$' answer
	logged amanda
}

@test "an agent of a monitoring system" {
	cat >agent <<-'END'
		#!/bin/bash
		echo '<<<check_mk>>>'
		echo "Version: 1.0"
		echo "OnlyFrom: $REMOTE_HOST"
		echo '<<<df>>>'
		df -P / | tail -n 1
	END
	chmod 755 agent
	serve check_mk <<-END
		service check_mk
		{
			type           = UNLISTED
			port           = 6556
			socket_type    = stream
			protocol       = tcp
			wait           = no
			user           = root
			server         = $PWD/agent

			# If you use fully redundant monitoring and poll the client
			# from more then one monitoring servers in parallel you might
			# want to use the agent cache wrapper:
			#server         = /usr/bin/check_mk_caching_agent

			# configure the IP address(es) of your Nagios server here:
			only_from      = 127.0.0.1 10.0.20.1 10.0.20.2

			# Don't be too verbose. Don't log every check. This might be
			# commented out for debugging. If this option is commented out
			# the default options will be used for this service.
			log_on_success =

			disable        = no
		}
	END
	client socat -u TCP:127.0.0.1:6556 - >said
	grep -q '^OnlyFrom: 127.0.0.1$' said
	grep -qE ' /$' said
	# The list names one client only, and the log is quiet about it.
	[ -z "$(client socat -u TCP:127.0.0.1:6556,bind=127.0.0.2 - 2>/dev/null)" ]
	wait_until service_log_has 'FAIL: check_mk address from=127\.0\.0\.2'
	[ "$(grep -c START service.log)" = 0 ]
}

clustercheck() {
	cat >clustercheck <<-'END'
		#!/bin/sh
		# Says whether this node of a database cluster is in step.
		printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 40\r\n\r\n'
		printf 'Percona XtraDB Cluster Node is synced.\r\n'
	END
	chmod 755 clustercheck
	serve mysqlchk <<-END
		# default: on
		# description: mysqlchk
		service mysqlchk
		{
		# this is a config for xinetd, place it in /etc/xinetd.d/
			disable = no
			flags = REUSE
			socket_type = stream
			type = UNLISTED
			port = 9200
			wait = no
			user = nobody
			server = $PWD/clustercheck
			log_on_failure += USERID
			only_from = 0.0.0.0/0
			# recommended to put the IPs that need
			# to connect exclusively (security purposes)
			per_source = UNLIMITED
			cps = 1000 1
		}
	END
}

@test "a health check behind ab -n 2000 -c 50" {
	clustercheck
	client ab -q -n 2000 -c 50 http://127.0.0.1:9200/ >report
	grep -qE '^Complete requests: +2000$' report
	grep -qE '^Failed requests: +0$' report
	[ "$(grep -c Non-2xx report)" = 0 ]
	# It has a few connections more under way when it stops, and hangs up on them.
	all_logged() { [ "$(grep -c 'EXIT: mysqlchk ' service.log)" = "$(grep -c 'START: mysqlchk ' service.log)" ]; }
	wait_until all_logged
	[ "$(grep -c 'EXIT: mysqlchk status=0 ' service.log)" -ge 2000 ]
}

@test "a health check behind HAProxy's option httpchk" {
	clustercheck
	cat >haproxy.cfg <<-END
		global
			stats socket $PWD/haproxy.sock
		defaults
			mode http
			timeout connect 5s
			timeout client 5s
			timeout server 5s
		listen cluster
			bind 127.0.0.1:8080
			option httpchk
			server node1 127.0.0.1:9200 check port 9200 inter 100ms rise 3 fall 1
	END
	background nsenter -t "$NETWORK" -n -- haproxy -db -f haproxy.cfg
	wait_for_file haproxy.sock
	node_is_up() { echo 'show stat' | socat - UNIX:haproxy.sock | grep -q '^cluster,node1,.*L7OK,200'; }
	wait_until node_is_up
	checked() { [ "$(grep -c 'EXIT: mysqlchk status=0' service.log)" -ge 20 ]; }
	wait_until checked
	# Not one check has failed: the answer always arrives.
	echo 'show stat' | socat - UNIX:haproxy.sock | awk -F, '$2 == "node1" { exit !($22 == 0) }'
}

@test "a script that speaks HTTP, as swat did" {
	cat >swat <<-'END'
		#!/usr/bin/perl
		# Reads a request with its headers and a body; answers with what it was asked.
		my $request = <STDIN>;
		my %h;
		while (<STDIN>) { s/\r?\n//; last if $_ eq ""; $h{lc $1} = $2 if /^([^:]+): *(.*)/; }
		read STDIN, my $body, $h{"content-length"} || 0;
		$request =~ m{^(\S+) (\S+)};
		my $page = "<p>$1 $2 $body</p>\n";
		print "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: ", length($page), "\r\n\r\n", $page;
	END
	chmod 755 swat
	serve swat <<-END
		# Default: off
		service swat
		{
			port	= 901
			socket_type	= stream
			wait	= no
			only_from = 127.0.0.1
			user	= root
			server	= $PWD/swat
			log_on_failure	+= USERID
			disable	= no
		}
	END
	[ "$(client curl -sS -d 'value=1' http://127.0.0.1:901/globals)" = '<p>POST /globals value=1</p>' ]
	logged swat 0
}
