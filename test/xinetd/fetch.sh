#!/bin/sh
# Debian's xinetd with the libraries it needs, downloaded and unpacked into a folder, never installed:
# sh fetch.sh FOLDER. Prints the path of the program.
set -eu
mkdir -p "$1"
cd "$1"
if [ ! -x root/usr/sbin/xinetd ]; then
	rm -rf packages root
	mkdir packages root
	(cd packages && apt-get download -qq xinetd libtirpc3 libwrap0 libselinux1) >/dev/null 2>&1 || {
		apt-get update -qq >&2
		(cd packages && apt-get download -qq xinetd libtirpc3 libwrap0 libselinux1) >&2
	}
	for package in packages/*.deb; do
		dpkg-deb -x "$package" root
	done
fi
echo "$PWD/root/usr/sbin/xinetd"
