# Programs that people run: each is started by evinetd as it would be by any super-server, and asked
# by the client that belongs to it.

load helper

# A client of a program that goes wrong must not keep the suite.
within() {
	timeout "$PATIENCE" "$@"
}

# random_file NAME SIZE
random_file() {
	head -c "$2" /dev/urandom >"$1"
}

# Whether the other side has ended: nothing more comes, and that not only for want of time.
at_end() {
	local rest got=0
	IFS= read -r -t "$PATIENCE" -N 1 -u "$1" rest || got=$?
	[ "$got" = 1 ]
}

git_service() {
	git init -q work
	echo one >work/file
	git -C work add file
	git -C work -c user.name=t -c user.email=t@example.org commit -q -m one
	random_file work/blob 300000
	git -C work add blob
	git -C work -c user.name=t -c user.email=t@example.org commit -q -m two
	mkdir served
	git clone -q --bare work served/repo
	configure <<-CONF
		service "git" {
			listen = { $1 }
			exec   = { "git", "daemon", "--inetd", "--export-all", "--base-path=$PWD/served", "$PWD/served" }
		}
	CONF
	start_evinetd
}

@test "git clones over IPv4 from git daemon --inetd" {
	git_service '"tcp:127.0.0.1:0"'
	within git clone -q "git://127.0.0.1:$(port_of git)/repo" copy
	[ "$(git -C copy rev-parse HEAD)" = "$(git -C work rev-parse HEAD)" ]
	cmp copy/blob work/blob
	wait_for_log 'how=exit status=0'
}

@test "git clones over IPv6, and many clones at once are all complete" {
	need_ipv6
	git_service '"tcp:127.0.0.1:0", "tcp:[::1]:0"'
	local port i pids=()
	port=$(port_of git 2)
	for i in 1 2 3 4 5; do
		within git clone -q "git://[::1]:$port/repo" "copy$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	for i in 1 2 3 4 5; do
		[ "$(git -C "copy$i" rev-parse HEAD)" = "$(git -C work rev-parse HEAD)" ]
		git -C "copy$i" fsck
	done
	wait_for_log 'how=exit status=0' 5
}

@test "git pushes back through git daemon --inetd" {
	git_service '"tcp:127.0.0.1:0"'
	git -C served/repo config daemon.receivepack true
	within git clone -q "git://127.0.0.1:$(port_of git)/repo" copy
	random_file copy/big 3000000
	git -C copy add big
	git -C copy -c user.name=t -c user.email=t@example.org commit -q -m three
	within git -C copy push -q origin HEAD
	[ "$(git -C copy rev-parse HEAD)" = "$(git -C served/repo rev-parse HEAD)" ]
}

@test "rsync copies a tree both ways through rsync --daemon" {
	local identity=
	# By itself root's rsync becomes nobody, who must not look in here.
	[ "$(id -u)" != 0 ] || identity='uid = 0'
	mkdir -p tree/sub upload
	random_file tree/a 1000000
	random_file tree/sub/b 5
	: >tree/sub/empty
	cat >rsyncd.conf <<-CONF
		use chroot = no
		$identity
		log file = /dev/null
		[tree]
			path = $PWD/tree
			read only = yes
		[upload]
			path = $PWD/upload
			read only = no
	CONF
	configure <<-CONF
		service "rsync" {
			listen = "tcp:127.0.0.1:0"
			exec   = { "rsync", "--daemon", "--config=$PWD/rsyncd.conf" }
		}
	CONF
	start_evinetd
	within rsync -a "rsync://127.0.0.1:$(port_of rsync)/tree/" copy/
	diff -r tree copy
	within rsync -a copy/ "rsync://127.0.0.1:$(port_of rsync)/upload/"
	diff -r tree upload
	starts_equal_ends
}

@test "tftp fetches files of all sizes, one after the other, from in.tftpd" {
	need_root
	mkdir boot
	local size port
	# Around the block size of 512, where the protocol ends a file, and longer ones.
	for size in 0 1 511 512 513 40000 300000; do
		random_file "boot/f$size" "$size"
	done
	chmod -R a+rX boot
	configure <<-CONF
		service "tftp" {
			listen = "udp:127.0.0.1:0"
			wait   = true
			exec   = { "in.tftpd", "--secure", "--timeout", "60", "$PWD/boot" }
		}
	CONF
	start_evinetd
	port=$(port_of tftp)
	for size in 0 1 511 512 513 40000 300000; do
		within tftp -m binary 127.0.0.1 "$port" -c get "f$size" "got$size"
		cmp "boot/f$size" "got$size"
	done
	# It keeps the socket for a while: one program served all of them.
	[ "$(log_lines 'start service=tftp')" = 1 ]
}

@test "in.tftpd is started again by the next datagram after it has gone" {
	need_root
	mkdir boot
	random_file boot/file 2000
	chmod -R a+rX boot
	configure <<-CONF
		service "tftp" {
			listen = "udp:127.0.0.1:0"
			wait   = true
			exec   = { "in.tftpd", "-s", "-t", "1", "$PWD/boot" }
		}
	CONF
	start_evinetd
	local port i
	port=$(port_of tftp)
	for i in 1 2; do
		within tftp -m binary 127.0.0.1 "$port" -c get file "got$i"
		cmp boot/file "got$i"
		wait_for_log 'end service=tftp' "$i"
		[ "$(log_lines 'start service=tftp')" = "$i" ]
	done
}

@test "a Perl script talks on its standard input and output" {
	cat >greet.pl <<-'SCRIPT'
		#!/usr/bin/perl
		use strict;
		$| = 1;
		print "who?\n";
		while (my $line = <STDIN>) {
			$line =~ s/\r?\n//;
			last if $line eq 'bye';
			print scalar(reverse $line), "\n";
		}
		print "closed\n";
	SCRIPT
	chmod +x greet.pl
	configure <<-CONF
		service "greet" { listen = "tcp:127.0.0.1:0" exec = { "$PWD/greet.pl" } }
	CONF
	start_evinetd
	connect 5 "$(port_of greet)"
	[ "$(hear 5)" = 'who?' ]
	say 5 stressed
	[ "$(hear 5)" = desserts ]
	say 5 drawer
	[ "$(hear 5)" = reward ]
	say 5 bye
	[ "$(hear 5)" = closed ]
	at_end 5
	disconnect 5
	wait_for_log 'how=exit status=0'
}

@test "a Python script talks on its standard input and output, through files and through the socket" {
	cat >sum.py <<-'SCRIPT'
		import socket, sys
		connection = socket.socket(fileno=0)
		print("hello", connection.getpeername()[0], flush=True)
		for line in sys.stdin:
		    print(sum(int(word) for word in line.split()), flush=True)
		sys.exit(3)
	SCRIPT
	configure <<-CONF
		service "sum" { listen = "tcp:127.0.0.1:0" exec = { "/usr/bin/env", "python3", "$PWD/sum.py" } }
	CONF
	start_evinetd
	connect 5 "$(port_of sum)"
	[ "$(hear 5)" = 'hello 127.0.0.1' ]
	say 5 '1 2 3'
	[ "$(hear 5)" = 6 ]
	disconnect 5
	[ "$("$TOOL/client" -p -H -s '20 22\n' "$(address_of sum)")" = "hello 127.0.0.1
42" ]
	wait_for_log 'how=exit status=3' 2
}

@test "100 MiB go through cat in both directions at once, byte for byte" {
	local mib=100 began
	[ -z "$SANITIZED" ] || mib=20
	random_file sent $((mib * 1048576))
	configure <<-'CONF'
		service "cat" { listen = { "tcp:127.0.0.1:0", "unix:cat.sock" } exec = { "/bin/cat" } }
	CONF
	sed -i "s|unix:|unix:$PWD/|" "$CONF"
	start_evinetd
	began=${EPOCHREALTIME/./}
	"$TOOL/client" -p -H -f sent "$(address_of cat 1)" >received
	echo "# $mib MiB each way through cat in $(((${EPOCHREALTIME/./} - began) / 1000)) ms" >&3
	[ "$(stat -c %s received)" = $((mib * 1048576)) ]
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	wait_for_log 'how=exit status=0'
}

@test "a program with the listening socket serves clients itself, and the next client after its end starts it again" {
	cat >server.py <<-'SCRIPT'
		import os, socket
		assert os.environ["LISTEN_FDS"] == "1", "LISTEN_FDS"
		assert os.environ["LISTEN_PID"] == str(os.getpid()), "LISTEN_PID"
		assert os.environ["LISTEN_FDNAMES"] == "own", "LISTEN_FDNAMES"
		listener = socket.socket(fileno=3)
		assert os.fstat(3).st_ino == os.fstat(0).st_ino, "inetd and systemd style differ"
		for n in (1, 2):
		    client, _ = listener.accept()
		    question = client.makefile().readline().strip()
		    client.sendall(("%d %d %s\n" % (os.getpid(), n, question)).encode())
		    client.close()
	SCRIPT
	configure <<-CONF
		service "own" { listen = "tcp:127.0.0.1:0" wait = true exec = { "python3", "$PWD/server.py" } }
	CONF
	start_evinetd
	local address pid first second third
	address=$(address_of own)
	first=$("$TOOL/client" -p -s 'a\n' "$address")
	pid=${first%% *}
	[ "$first" = "$pid 1 a" ]
	wait_for_log "start service=own session=1 pid=$pid"
	second=$("$TOOL/client" -p -s 'b\n' "$address")
	[ "$second" = "$pid 2 b" ]
	wait_for_log "end service=own session=1 pid=$pid how=exit status=0"
	third=$("$TOOL/client" -p -s 'c\n' "$address")
	[ "${third#* }" = '1 c' ]
	[ "${third%% *}" != "$pid" ]
	[ "$(log_lines 'start service=own')" = 2 ]
}

@test "while a program has the listening socket, clients in the queue are its own to take" {
	cat >server.py <<-'SCRIPT'
		import socket, time
		listener = socket.socket(fileno=0)
		for n in range(50):
		    client, _ = listener.accept()
		    client.sendall(b"served\n")
		    client.close()
	SCRIPT
	configure <<-CONF
		service "own" { listen = "tcp:127.0.0.1:0" wait = true exec = { "python3", "$PWD/server.py" } }
	CONF
	start_evinetd
	run "$TOOL/client" -n 50 -c 50 -a 'served\n' "$(address_of own)"
	[ "$output" = 'ok=50 reset=0 short=0 error=0' ]
	wait_for_log 'how=exit status=0'
	[ "$(log_lines 'start service=own')" = 1 ]
}

@test "a unix socket service answers, on a path and on an abstract name" {
	local name="@evinetd-test-$$-$RANDOM"
	configure <<-CONF
		service "echo" {
			listen = { "unix:$PWD/echo.sock", "unix:$name" }
			exec   = { "/bin/cat" }
		}
	CONF
	start_evinetd
	[ "$(address_of echo 1)" = "unix:$PWD/echo.sock" ]
	[ "$(address_of echo 2)" = "unix:$name" ]
	run "$TOOL/client" -n 20 -c 5 -H -s 'over a path\n' -a 'over a path\n' "unix:$PWD/echo.sock"
	[ "$output" = 'ok=20 reset=0 short=0 error=0' ]
	run "$TOOL/client" -n 20 -c 5 -H -s 'abstract\n' -a 'abstract\n' "unix:$name"
	[ "$output" = 'ok=20 reset=0 short=0 error=0' ]
	stop_evinetd
	[ "$status" = 0 ]
	[ ! -e echo.sock ]
}

@test "a seqpacket service keeps the borders of messages" {
	cat >lengths.py <<-'SCRIPT'
		import os
		while True:
		    message = os.read(0, 65536)
		    if not message:
		        break
		    os.write(1, b"%d;" % len(message))
	SCRIPT
	cat >ask.py <<-'SCRIPT'
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.settimeout(20)
		s.connect(sys.argv[1])
		for n in (1, 700, 20000):
		    s.send(b"x" * n)
		s.shutdown(socket.SHUT_WR)
		answers = []
		while True:
		    answer = s.recv(65536)
		    if not answer:
		        break
		    answers.append(answer.decode())
		print(answers)
	SCRIPT
	configure <<-CONF
		service "lengths" { listen = "unix-seqpacket:$PWD/seq.sock" exec = { "python3", "$PWD/lengths.py" } }
	CONF
	start_evinetd
	[ "$(python3 ask.py "$PWD/seq.sock")" = "['1;', '700;', '20000;']" ]
	wait_for_log 'how=exit status=0'
}
