#!/usr/bin/env bash
# Fetches the servers that we are compared with: bash test/bench/peers.sh FOLDER [PEER...]
#
# Debian's packages are downloaded and unpacked below FOLDER; nothing is installed and nothing is
# started. busybox comes as source, because Debian's own binary lacks the applet. What cannot be had
# is noted in FOLDER/skipped (NAME<TAB>reason) and is no failure. What is there already is kept.
#
# FOLDER/bin then has a link for each peer. If it needs libraries of FOLDER/lib, that the machine
# lacks, there is NAME.loader beside it, with the path of the loader that has to start it.
set -u
folder=${1:?usage: peers.sh FOLDER [PEER...]}
shift
mkdir -p "$folder/bin" "$folder/lib" "$folder/debs" || exit 1
folder=$(cd "$folder" && pwd)
: >"$folder/skipped"

# peer          packages                                             program in there
table='
xinetd          xinetd+libwrap0+libtirpc3                             usr/sbin/xinetd
openbsd-inetd   openbsd-inetd+libwrap0+libbsd0+libmd0+libtirpc3+libevent-2.1-7 usr/sbin/inetd
inetutils-inetd inetutils-inetd+libwrap0                              usr/sbin/inetutils-inetd
rlinetd         rlinetd+libwrap0+libcap2                              usr/sbin/rlinetd
tcpserver       ucspi-tcp                                             usr/bin/tcpserver
tcpsvd          ipsvd                                                 usr/bin/tcpsvd
socat           socat+libwrap0+libssl3                                usr/bin/socat
ncat            ncat+liblua5.3-0+libpcap0.8+libdbus-1-3+libssl3       usr/bin/ncat
s6-tcpserver    s6-networking+s6                                      usr/bin/s6-tcpserver
systemd         systemd                                               usr/bin/systemd-socket-activate
'

skip() {
	printf '%s\t%s\n' "$1" "$2" >>"$folder/skipped"
}

updated=
update() {
	[ -z "$updated" ] || return 0
	updated=yes
	apt-get update -qq >/dev/null 2>&1
}

# One package, downloaded once.
download() {
	[ -n "$(find "$folder/debs" -name "$1_*.deb" -print -quit)" ] && return 0
	(cd "$folder/debs" && apt-get download -qq "$1" >/dev/null 2>&1) && return 0
	update
	(cd "$folder/debs" && apt-get download -qq "$1" >/dev/null 2>&1)
}

# Libraries are taken out of what was unpacked, so that one short path leads to all of them.
unpack() {
	local peer=$1 package
	for package in ${2//+/ }; do
		download "$package" || return 1
		dpkg-deb -x "$folder/debs/$package"_*.deb "$folder/$peer" || return 1
	done
	find "$folder/$peer" -path '*/lib/*' -name 'lib*.so.*' -exec ln -sf {} "$folder/lib/" ';'
}

# LD_LIBRARY_PATH would be handed on to the programs that a server starts, so it is no way to run one.
runs() {
	local peer=$1 program=$2
	ldd "$program" 2>&1 | grep -q 'not found' || return 0
	LD_LIBRARY_PATH=$folder/lib ldd "$program" 2>&1 | grep -q 'not found' && return 1
	ldd "$program" | sed -n 's/^[[:space:]]*\(\/[^ ]*ld[^ ]*\) (.*/\1/p' >"$folder/bin/$peer.loader"
}

fetch() {
	local peer=$1 packages=$2 program=$3 installed
	# A library that the machine had then may be gone.
	[ -x "$folder/bin/$peer" ] && runs "$peer" "$folder/$peer/$program" && return
	# systemd is far too large to be fetched for one tool.
	installed=$(PATH=$PATH:/usr/sbin:/sbin command -v "${program##*/}")
	if [ "$peer" = systemd ] || ! command -v dpkg-deb >/dev/null; then
		if [ -n "$installed" ]; then
			ln -sf "$installed" "$folder/bin/$peer"
		else
			skip "$peer" "not installed"
		fi
	elif ! unpack "$peer" "$packages"; then
		skip "$peer" "no package ${packages%%+*}"
	elif ! runs "$peer" "$folder/$peer/$program"; then
		skip "$peer" "libraries are missing"
	else
		ln -sf "../$peer/$program" "$folder/bin/$peer"
	fi
}

# Only the lists of sources are needed, so they are kept apart from the machine's own.
fetch_busybox_source() {
	local lists=$folder/lists apt
	mkdir -p "$lists/partial" "$folder/busybox.src" || return 1
	rm -f "$folder"/src.*
	if [ -e /etc/apt/sources.list.d/debian.sources ]; then
		sed 's/^Types: .*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$folder/src.sources"
	else
		sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$folder/src.list"
	fi
	apt=(apt-get -qq -o Dir::State::lists="$lists" -o Dir::Etc::sourceparts=/dev/null
		-o Dir::Etc::sourcelist="$(echo "$folder"/src.*)")
	cd "$folder/busybox.src" && "${apt[@]}" update && "${apt[@]}" source --download-only busybox
}

# Nothing but the one applet, as a static program.
build_busybox() {
	local source=$folder/busybox.src
	cd "$source" && tar -xf busybox_*.orig.tar.* && cd busybox-*/ || return 1
	make allnoconfig || return 1
	sed -i -e 's/^# CONFIG_\(TCPSVD\|STATIC\|LFS\|FEATURE_IPV6\) is not set/CONFIG_\1=y/' .config
	(yes '' || true) | make oldconfig && make -j"$(nproc)" busybox && cp busybox "$folder/bin/busybox"
}

fetch_busybox() {
	[ -x "$folder/bin/busybox" ] && return
	if command -v busybox >/dev/null && busybox --list 2>/dev/null | grep -qx tcpsvd; then
		ln -sf "$(command -v busybox)" "$folder/bin/busybox"
	elif ! command -v dpkg-deb >/dev/null || ! (fetch_busybox_source) >"$folder/busybox.log" 2>&1; then
		skip busybox "no source of busybox, and none installed that has tcpsvd"
	elif ! (build_busybox) >>"$folder/busybox.log" 2>&1; then
		skip busybox "could not be built: $(tail -n 1 "$folder/busybox.log")"
	fi
}

wanted=" $* "
while read -r peer packages program; do
	if [ -n "$peer" ] && { [ $# -eq 0 ] || [[ $wanted == *" $peer "* ]]; }; then
		fetch "$peer" "$packages" "$program"
	fi
done <<<"$table"
if [ $# -eq 0 ] || [[ $wanted == *" busybox "* ]]; then
	fetch_busybox
fi
exit 0
