# Real files of other super-servers, where EVINET_CORPUS (../shared/corpus) has some: what test/corpus*.sh find.

load helper

# judged SCRIPT: it has looked at files, none is a crash, and none has become something that nobody can explain.
judged() {
	status=0
	bash "$REPO/test/$1" >report || status=$?
	[ "$(head -n 1 report | cut -d : -f 1)" != skipped ] || skip "there is no corpus of real files here"
	grep -A 20 FAILED report || true
	tail -n 1 report
	[ "$status" = 0 ]
	grep -qE '^[1-9][0-9]* passed, 0 failed$' report
}

@test "what becomes of real files of xinetd differs from what xinetd says in known ways only" {
	judged corpus.sh
}

@test "real files of inetd and systemd become services, or it is said why not" {
	judged corpus-inetd.sh
}

@test "real files that are converted are the services that they were" {
	judged corpus-convert.sh
}
