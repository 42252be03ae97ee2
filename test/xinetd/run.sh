#!/usr/bin/env bash
# The differential suite: the same files and the same clients for Debian's xinetd and for evinetd under
# the name xinetd. Needs root (namespaces), and Debian's package of xinetd, which is downloaded and never
# installed. Arguments: a text that the names of the cases must have.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$here/../../build}
if [ "$(id -u)" -ne 0 ]; then
	echo "check-xinetd needs root: it makes network and mount namespaces" >&2
	exit 1
fi
program=$(sh "$here/fetch.sh" "$BUILD/xinetd") || {
	echo "xinetd cannot be had: the suite needs Debian's package of it" >&2
	exit 1
}
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/compare.py" "$program" "$BUILD/evinetd" "$@"
