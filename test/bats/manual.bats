# The manuals say what the code knows, and their examples work.

load helper

MAN=$BUILD/man
MANKEYS=$BUILD/mankeys

# The blocks behind the comment WHAT in a manual page, each as FOLDER/N.
page_blocks() {
	awk -v what="$2" -v dir="$3" '
	$0 == ".\\\" " what { wanted = 1; next }
	wanted && /^\.Bd/ { wanted = 0; inside = 1; n++; next }
	inside && /^\.Ed/ { inside = 0 }
	inside {
		gsub(/\\e/, "\\")
		gsub(/\\&/, "")
		print > (dir "/" n)
	}' "$1"
}

# The fenced blocks of a language in a text file, likewise.
text_blocks() {
	awk -v fence="\`\`\`$2" -v dir="$3" '
	/^```/ && inside { inside = 0; next }
	$0 == fence { inside = 1; n++; next }
	inside { print > (dir "/" n) }' "$1"
}

# A configuration as it may be on this machine: programs, users and groups that are not here are
# replaced, and nothing else.
adapt() {
	local user group path
	user=$(id -un)
	group=$(id -gn)
	sed -i -E -e "s/^([[:space:]]*user[[:space:]]*= *)\"[^\"]*\"/\1\"$user\"/" \
		-e "s/^([[:space:]]*group_owner[[:space:]]*= *)\"[^\"]*\"/\1\"$group\"/" "$1"
	grep -oE 'exec[[:space:]]*= *\{ *"[^"]+"' "$1" | grep -oE '/[^"]+' >programs || true
	while read -r path; do
		[ -x "$path" ] || sed -i "s|\"$path\"|\"/bin/cat\"|" "$1"
	done <programs
}

passes_check() {
	local example
	for example in "$@"; do
		adapt "$example"
		if ! "$EVINETD" --check -c "$example" >problems 2>&1 || [ -s problems ]; then
			cat "$example" problems
			return 1
		fi
	done
}

# Fails with a list if a line of standard input is not in the page as the word behind .It MACRO.
all_listed() {
	local page=$1 name missing=
	while read -r name; do
		grep -qE "^\.It (Cm|Ic|Ev|Dv) ([A-Za-z_]+ , )*$name( |\$)" "$page" || missing="$missing $name"
	done
	if [ -n "$missing" ]; then
		echo "not in $(basename "$page"):$missing"
		return 1
	fi
}

# Fails with a list if a line of standard input is nowhere in the page as a word.
all_told() {
	local page=$1 name missing=
	while read -r name; do
		grep -qwF -- "$name" "$page" || missing="$missing $name"
	done
	if [ -n "$missing" ]; then
		echo "not in $(basename "$page"):$missing"
		return 1
	fi
}

sources() {
	find "$REPO/core" "$REPO/handlers" "$REPO/cmd" -name '*.c' -exec cat {} + | tr '\n\t' '  '
}

# Every name that is given to a function that logs an event.
events_of_code() {
	{
		sources | grep -oE '(LOG_LEVEL_[A-Z]+|level), *"[a-z_]+"' | grep -oE '"[a-z_]+"'
		sources | grep -oE '\.event = "[a-z_]+"' | grep -oE '"[a-z_]+"'
		sources | grep -oE 'log_hold\([^"{;]*"[a-z_]+"' | grep -oE '"[a-z_]+"'
	} | tr -d '"' | sort -u
}

events_of_manual() {
	sed -n '/^\.Ss Events/,/^\.El/s/^\.It Cm //p' "$MAN/evinetd.8" | sort -u
}

@test "every configuration in the manuals passes --check" {
	local page blocks=0 marked
	for page in evinetd.8 evinetd.conf.5 evinet.1; do
		mkdir "$page"
		page_blocks "$MAN/$page" conf "$page"
		marked=$(grep -c '^\.\\" conf$' "$MAN/$page" || true)
		[ "$(find "$page" -type f | wc -l)" = "$marked" ]
		# Nothing that looks like one is left out.
		[ "$(awk '/^\.Bd/ { n = 0 } /^service "/ && !n++' "$MAN/$page" | wc -l)" = "$marked" ]
		blocks=$((blocks + marked))
	done
	[ "$blocks" -ge 5 ]
	passes_check evinetd.conf.5/*
}

@test "every configuration in README.md passes --check" {
	mkdir blocks
	text_blocks "$REPO/README.md" conf blocks
	[ "$(find blocks -type f | wc -l)" -ge 1 ]
	[ "$(find blocks -type f | wc -l)" = "$(grep -c '^```conf$' "$REPO/README.md")" ]
	passes_check blocks/*
}

@test "an example that is wrong would be noticed" {
	printf 'service "x" {\n\tlisten = "tcp:localhost:0"\n\texec = { "/no/such/program", "-x" }\n\tuser = "nosuchuser"\n}\n' >good
	printf 'service "x" {\n\tlisten = "tcp:localhost:0"\n\texec = { "/bin/date" }\n\tusr = "nobody"\n}\n' >wrong
	passes_check good
	run passes_check wrong
	[ "$status" != 0 ]
}

@test "every key that the parser knows is in evinetd.conf(5)" {
	local table section name missing=
	"$MANKEYS" names >keys
	[ "$(wc -l <keys)" -gt 70 ]
	while read -r table section name; do
		if [ -z "$name" ]; then
			name=$section section=
		fi
		case $table in
		service) grep -qE "^\.It Ic ${section:+$section No \{ Ic }$name No = " "$MAN/evinetd.conf.5" ;;
		*) grep -qE "^\.It Ic $name No = " "$MAN/evinetd.conf.5" ;;
		esac || missing="$missing $table.$section.$name"
	done <keys
	echo "missing:$missing"
	[ -z "$missing" ]
	while read -r name; do
		grep -qix "\.Sh $name" "$MAN/evinetd.conf.5"
	done < <("$MANKEYS" groups)
}

@test "every handler is in evinetd.conf(5)" {
	"$MANKEYS" handlers | sed -n 's/^\.It Cm //p' >known
	[ "$(wc -l <known)" -ge 6 ]
	all_listed "$MAN/evinetd.conf.5" <known
}

@test "every event that the code logs is in evinetd(8), and no other" {
	events_of_code >in_code
	cat in_code
	for name in listen fail ready start end hold release stderr config_error stop repeated; do
		grep -qx "$name" in_code
	done
	events_of_manual >in_manual
	diff in_code in_manual
}

@test "what log_events may name is in evinetd.conf(5)" {
	sed -n '/schema_log_events\[\] = {/,/};/p' "$REPO/core/conf/schema.c" | grep -oE '"[a-z_]+"' | tr -d '"' >known
	[ "$(wc -l <known)" -ge 10 ]
	sed -n '/^\.Sh LOGGING/,/^\.Ss THE LOG/p' "$MAN/evinetd.conf.5" >section.5
	all_told section.5 <known
}

@test "the reasons, ways to end, holds and steps that a log can name are in evinetd(8)" {
	sources >all
	{
		# Every text in this one is a reason.
		grep -oE '"[a-z_]+"' "$REPO/core/policy/admit.c"
		grep -oE 'turn_away\(s, ls, "[a-z_]+"' all
		grep -oE '[^a-z]refuse(_why)?\((g|c->gate), "[a-z_]+"' all
		grep -oE 'conn_refuse\(c, "[a-z_]+"' all
		grep -oE 'conn_(set_end|kill)\(c, "[a-z]+"' all
		grep -oE 'i->how = "[a-z]+"' all
		grep -oE '[^a-z_](end|stream_finish)\(c, "[a-z]+"' all
		grep -oE 'child_(fail|check)\(s, "[a-z_0-9]+"' all
	} | grep -oE '"[a-z_0-9]+"$' | tr -d '"' | sort -u >words
	cat words
	for name in deny per_source hours ban fork wrappers timeout killed exit eof setresuid exec; do
		grep -qx "$name" words
	done
	all_told "$MAN/evinetd.8" <words
	printf '%s\n' full rate nofile stopping | all_told "$MAN/evinetd.8"
}

@test "every option of --help is in evinetd(8)" {
	local option missing=
	"$EVINETD" --help | grep -oE '^ +(-[a-zA-Z], )? *--[a-z-]+' >options
	[ "$(wc -l <options)" -ge 10 ]
	while read -r option; do
		case $option in
		--*) option="Fl -${option#--}" ;;
		*) option="Fl ${option:1:1} , Fl -${option#*--}" ;;
		esac
		grep -qE "^\.It $option( |\$)" "$MAN/evinetd.8" || missing="$missing $option"
	done <options
	echo "missing:$missing"
	[ -z "$missing" ]
}

@test "every command of evinet is in evinet(1)" {
	"$EVINET" --help | sed -nE 's/^  ([a-z]+) .*/\1/p' >commands
	[ "$(wc -l <commands)" -ge 1 ]
	all_listed "$MAN/evinet.1" <commands
	"$EVINET" --help | grep -oE -- '--[a-z-]+' | sed 's/^--/Fl -/' | while read -r option; do
		grep -qF "$option" "$MAN/evinet.1"
	done
}

@test "every variable of a program is in evinetd.conf(5), and every one that the daemon reads in evinetd(8)" {
	sed -n '/session_vars\[\] = {/,/};/p' "$REPO/handlers/exec.c" | grep -oE '"[A-Z_]+"' | tr -d '"' >given
	[ "$(wc -l <given)" -ge 15 ]
	all_listed "$MAN/evinetd.conf.5" <given
	sources | grep -oE '(getenv|env_or)\("[A-Z_]+"' | grep -oE '[A-Z_]{3,}' | sort -u >asked
	[ "$(wc -l <asked)" -ge 5 ]
	all_listed "$MAN/evinetd.8" <asked
}

@test "every exit status of the code is in evinetd(8)" {
	local name
	declare -A number=([EX_USAGE]=64 [EX_NOHOST]=68 [EX_UNAVAILABLE]=69 [EX_OSERR]=71 [EX_NOPERM]=77
		[EX_CONFIG]=78)
	sources | grep -oE '\bEX_[A-Z]+' | sort -u >statuses
	[ -s statuses ]
	while read -r name; do
		[ -n "${number[$name]:-}" ]
		sed -n '/^\.Sh EXIT STATUS/,$p' "$MAN/evinetd.8" | grep -qx "\.It ${number[$name]}"
	done <statuses
}

@test "the commands in evinetd(8) start, find and end a daemon" {
	local pid
	mkdir block
	page_blocks "$MAN/evinetd.8" shell block
	sed -e "s|/tmp/|$PWD/|g" -e 's|-b -c|-b -l file:$PWD/own -c|' block/1 >commands
	configure <<'END'
service "echo" { listen = "tcp:127.0.0.1:0" handler = "echo" }
END
	# The process number is asked for before the last line ends the daemon.
	sed '$d' commands >first
	PATH=$BUILD:$PATH bash -e first >found 3>&- 4>&-
	pid=$(cat evinetd.pid)
	[[ $(cat found) =~ ^tcp:127\.0\.0\.1:[0-9]+$ ]]
	[ "$(ask "$(cat found)" hello)" = hello ]
	tail -n 1 commands | bash -e
	while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
	[ ! -e evinetd.pid ]
	[ ! -e addrs ]
}

# Numbers differ from one run to the next, and so do the times that they make up.
without_numbers() {
	sed -E 's/[0-9]+/N/g'
}

@test "the first commands of README.md give what they say" {
	need_ipv6
	need_namespace mn
	mkdir block session
	text_blocks "$REPO/README.md" console block
	ln -s "$BUILD" session/build
	printf '127.0.0.1 localhost\n::1 localhost\n' >hosts
	printf 'hosts: files\n' >nsswitch
	# A command is a line with "$ " in front and those with "> " behind it. Before the log is shown
	# the session in it has to be over: nobody types that fast.
	awk '
	/^\$ cat hello.log/ { print "until grep -q \" end \" hello.log; do sleep 0.02; done" }
	/^\$ / { print substr($0, 3); next }
	/^> / { print substr($0, 3) }
	END { print "exit 0" }' block/1 >commands
	grep -v -e '^\$ ' -e '^> ' block/1 | without_numbers >wanted
	[ "$(wc -l <wanted)" -ge 4 ]
	# shellcheck disable=SC2016
	"${NAMESPACE[@]}" sh -c 'ip link set lo up && mount --bind hosts /etc/hosts &&
		mount --bind nsswitch /etc/nsswitch.conf && cd session && exec bash ../commands' \
		>got 2>&1 3>&- 4>&-
	without_numbers <got | diff wanted -
}
