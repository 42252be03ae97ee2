# Under the names xinetd and inetd, evinetd takes their command lines.

load helper

HOST=127.83.5.$((BATS_TEST_NUMBER + 1))
RUN=

# The program under another name.
as() {
	ln -sf "$EVINETD" "$1"
}

# Starts it in the foreground, and returns once somebody listens on the port.
start_as() {
	local name=$1 port=$2
	shift 2
	[ -n "$RUN" ] || as "$name"
	setsid "${RUN:-./$name}" "$@" </dev/null >>"$LOG" 2>&1 3>&- 4>&- &
	DAEMON=$!
	SESSION_ID=$DAEMON
	wait_until listens "$port"
}

# A number is a port of this test's address; anything else is a line of the log.
listens() {
	case $1 in
	[0-9]*) (exec 5<>"/dev/tcp/$HOST/$1") 2>/dev/null ;;
	*) grep -aqF -- "$1" "$LOG" ;;
	esac
}

# What goes to the background is found by its pidfile, and gone with the test.
in_background() {
	status=0
	timeout 60 "$@" </dev/null >>"$LOG" 2>&1 3>&- 4>&- || status=$?
	[ "$status" = 0 ]
	HELPERS+=("$(cat pid)")
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

xinetd_conf() {
	cat >xinetd.conf <<-END
		defaults
		{
			log_type = FILE $PWD/xlog
		}
		service hello
		{
			type = UNLISTED
			port = 7001
			bind = $HOST
			socket_type = stream
			protocol = tcp
			wait = no
			user = $(id -un)
			server = /bin/echo
			server_args = hello
		}
	END
}

inetd_conf() {
	echo "7001 stream tcp4 nowait $(id -un) /bin/echo echo hello" >inetd.conf
}

# The program of this name finds these files in /etc, and nothing else there than what it needs.
own_etc() {
	need_namespace m
	as "$1"
	EVINETD=$PWD/$1
	shift
	mkdir etc
	cp /etc/passwd /etc/group /etc/hosts /etc/nsswitch.conf /etc/services /etc/protocols /etc/ld.so.cache etc/ 2>/dev/null || true
	cp "$@" etc/
	# shellcheck disable=SC2016 # the inner shell expands it
	run_under "${NAMESPACE[@]}" sh -c 'mount --bind etc /etc && exec "$0" "$@"'
	RUN=$EVINETD
}

@test "xinetd in the foreground serves its file, keeps a pidfile, and ends with INT (B41)" {
	xinetd_conf
	start_as xinetd 7001 -dontfork -f xinetd.conf -filelog filelog -pidfile pid
	[ "$(ask "tcp:$HOST:7001" x)" = hello ]
	[ "$(cat pid)" = "$DAEMON" ]
	[ -s filelog ]
	stop_evinetd INT
	[ "$status" = 0 ]
	[ ! -e pid ]
}

@test "xinetd goes to the background once it listens, with files named relative to where it was started" {
	xinetd_conf
	as xinetd
	in_background ./xinetd -f xinetd.conf -filelog filelog -pidfile pid
	[ "$(ask "tcp:$HOST:7001" x)" = hello ]
	kill -TERM "$(cat pid)"
	wait_until is_gone "${HELPERS[0]}"
	[ ! -e pid ]
	[ -s filelog ]
}

@test "the file of -filelog is opened anew at HUP (B42)" {
	xinetd_conf
	start_as xinetd 7001 -dontfork -f xinetd.conf -filelog filelog
	mv filelog filelog.1
	kill -HUP "$DAEMON"
	wait_for_file filelog
}

@test "xinetd takes the options that need nothing done, and tells of those that it does not know (B41)" {
	as xinetd
	status=0
	./xinetd -loop 10 -pid -inetd_ipv6 -inetd_compat -reuse -cc 5 -logprocs 3 -shutdownprocs 2 -stayalive \
		-limit 7 -version >out 2>err || status=$?
	[ "$status" = 0 ]
	[ ! -s out ]
	grep -q 'evinetd .*started as xinetd' err
	local option
	for option in -frobnicate --stay -dont -limit '-limit many' '-syslog nosuchfacility' 'operand' \
		"-filelog $PWD/a -filelog $PWD/b"; do
		status=0
		# shellcheck disable=SC2086 # words
		./xinetd $option >out 2>err || status=$?
		echo "$option: $status, $(cat err)"
		[ "$status" = 64 ]
		[ "$(wc -l <err)" = 1 ]
		grep -q '^xinetd: ' err
	done
}

@test "xinetd without a service ends with 78, and with -stayalive it waits for one" {
	printf 'defaults\n{\n}\n' >xinetd.conf
	as xinetd
	status=0
	timeout 60 ./xinetd -f xinetd.conf -filelog filelog -pidfile pid 3>&- 4>&- || status=$?
	[ "$status" = 78 ]
	in_background ./xinetd -f xinetd.conf -filelog filelog -pidfile pid -stayalive
	kill -TERM "${HELPERS[0]}"
	wait_until is_gone "${HELPERS[0]}"
}

@test "xinetd -d stays in the foreground and logs to standard error, without a terminal (B41)" {
	xinetd_conf
	start_as xinetd 7001 -d -f xinetd.conf
	kill -0 "$DAEMON"
	[ -s "$LOG" ]
}

@test "xinetd -limit is for the programs of all services together" {
	xinetd_conf
	sed -e 's/hello/slow/' -e 's/7001/7002/' -e 's|/bin/echo|/bin/cat|' -e '/server_args/d' -e '1,4d' xinetd.conf >second.conf
	cat second.conf >>xinetd.conf
	sed -i 's/log_type = .*/&\n\tlog_on_failure = HOST/' xinetd.conf
	start_as xinetd 'Started working' -d -f xinetd.conf -limit 1
	connect 5 7002 "$HOST"
	say 5 first
	[ "$(hear 5)" = first ]
	[ -z "$(ask "tcp:$HOST:7001" x)" ]
	wait_until grep -q '^[^ ]* FAIL: hello process_limit from=127.0.0.1$' xlog
	disconnect 5
	wait_until answers "tcp:$HOST:7001" hello
}

answers() {
	[ "$(ask "$1" x)" = "$2" ]
}

@test "xinetd reads /etc/xinetd.conf, and with -inetd_compat /etc/inetd.conf where an entry does not hide a line" {
	xinetd_conf
	cat >inetd.conf <<-END
		$HOST:7001 stream tcp nowait $(id -un) /bin/echo echo hidden
		$HOST:7002 stream tcp nowait $(id -un) /bin/echo echo from inetd
	END
	# In services(5) the ports have names, and names are what hides.
	cp /etc/services services 2>/dev/null || true
	printf 'hello 7001/tcp\nother 7002/tcp\n' >>services
	sed -i -e 's/:7001/:hello/' -e 's/:7002/:other/' inetd.conf
	mv inetd.conf kept
	own_etc xinetd xinetd.conf services
	# Without the file nothing is missing: start scripts always ask for it.
	start_as xinetd 7001 -dontfork -inetd_compat -filelog "$PWD/filelog"
	stop_evinetd
	cp kept etc/inetd.conf
	start_as xinetd 7002 -dontfork -inetd_compat -filelog "$PWD/filelog"
	[ "$(ask "tcp:$HOST:7001" x)" = hello ]
	[ "$(ask "tcp:$HOST:7002" x)" = 'from inetd' ]
}

@test "inetd goes to the background once it listens, with a pidfile, and ends with TERM" {
	inetd_conf
	as inetd
	in_background ./inetd "-p$PWD/pid" -a "$HOST" inetd.conf
	[ "$(ask "tcp:$HOST:7001" x)" = hello ]
	kill -TERM "$(cat pid)"
	wait_until is_gone "${HELPERS[0]}"
	[ ! -e pid ]
}

@test "inetd keeps running although every line is a comment, and ends with 78 if the file is not there" {
	echo "#7001 stream tcp4 nowait root /bin/echo echo hello" >inetd.conf
	as inetd
	in_background ./inetd "-p$PWD/pid" inetd.conf
	kill -TERM "$(cat pid)"
	wait_until is_gone "${HELPERS[0]}"
	status=0
	timeout 60 ./inetd -i missing.conf >out 2>&1 || status=$?
	[ "$status" = 78 ]
	grep -q 'config_error file=missing.conf' out
}

@test "inetd -i, -f and -d stay in the foreground" {
	inetd_conf
	local option
	for option in -i -f -d --debug; do
		start_as inetd 7001 "$option" -a "$HOST" inetd.conf
		kill -0 "$DAEMON"
		stop_evinetd
		[ "$status" = 0 ]
	done
}

@test "inetd -a is where services listen that name no address" {
	inetd_conf
	echo "127.83.6.1:7002 stream tcp nowait $(id -un) /bin/echo echo elsewhere" >>inetd.conf
	start_as inetd ' ready ' -i -a "$HOST" inetd.conf
	[ "$(ask "tcp:$HOST:7001" x)" = hello ]
	nobody_listens "tcp:127.83.6.1:7001"
	[ "$(ask "tcp:127.83.6.1:7002" x)" = elsewhere ]
}

@test "inetd -q, -c, -s and -R count for entries that do not say otherwise" {
	inetd_conf
	echo "7002 stream tcp4 nowait.5 $(id -un) /bin/echo echo own" >>inetd.conf
	start_as inetd ' ready ' -i -a "$HOST" -q 7 --rate=2 -c 9 -s 8 inetd.conf
	[ "$(log_lines 'queuesize=7')" = 2 ]
	[ "$(ask "tcp:$HOST:7001" x)" = hello ]
	[ "$(ask "tcp:$HOST:7001" x)" = hello ]
	# The third has to wait, and for ten minutes.
	connect 5 7001 "$HOST"
	wait_for_log 'why=rate'
	disconnect 5
	local i
	for i in 1 2 3; do
		[ "$(ask "tcp:$HOST:7002" x)" = own ]
	done
	[ "$(log_lines 'hold ')" = 1 ]
}

@test "inetd takes GNU's long options, and tells of those that it does not know" {
	as inetd
	./inetd -d --debug -R 5 --rate=5 -p --pidfile="$PWD/pid" -e --environment --resolve -E -l -w -W -q 5 -c 1 \
		-C 2 -s 3 -a 127.0.0.1 -i -f --version >out
	grep -q 'evinetd .*started as inetd' out
	local option
	for option in -Z --frobnicate -q '-q many' '-R -5' '-a a:b:c' '-c 1.5'; do
		status=0
		# shellcheck disable=SC2086 # words
		./inetd $option >out 2>err || status=$?
		echo "$option: $status, $(cat err)"
		[ "$status" = 64 ]
		[ "$(wc -l <err)" = 1 ]
		grep -q '^inetd: ' err
	done
}

@test "the help under both names fits a terminal" {
	as xinetd
	as inetd
	./xinetd -help >help
	./inetd --help >>help
	grep -q -- '-dontfork' help
	grep -q -- '--rate N' help
	[ "$(awk 'length > 80' help | wc -l)" = 0 ]
}

@test "make install makes the links that are asked for, replaces no other program, and uninstall removes them" {
	local sbin=root/usr/local/sbin
	install_as() {
		make -s -C "$REPO" -o all BUILD="$BUILD" PREFIX=/usr/local DESTDIR="$PWD/root" "$@" >out 2>&1 ||
			{ cat out && return 1; }
	}
	install_as install PERSONALITIES='xinetd inetd'
	[ "$(readlink "$sbin/xinetd")" = evinetd ]
	[ "$(readlink "$sbin/inetd")" = evinetd ]
	"$sbin/inetd" --version | grep -q 'started as inetd'
	install_as uninstall
	[ ! -e "$sbin/xinetd" ]
	[ ! -e "$sbin/inetd" ]
	echo other >"$sbin/xinetd"
	run install_as install PERSONALITIES=xinetd
	[ "$status" != 0 ]
	grep -q 'sbin/xinetd is another program' out
	install_as uninstall
	[ "$(cat "$sbin/xinetd")" = other ]
}
