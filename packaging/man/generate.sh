#!/bin/sh
# Prints a manual page made from its template: generate.sh MANKEYS VERSION FILE.in
# A line "@KEYS WHAT@" becomes what "MANKEYS WHAT" prints, and @VERSION@ the version.
set -eu

mankeys=$1
version=$2
template=$3

while IFS= read -r line; do
	case $line in
	'@KEYS '*@)
		what=${line#@KEYS }
		"$mankeys" "${what%@}"
		;;
	*@VERSION@*)
		printf '%s%s%s\n' "${line%%@VERSION@*}" "$version" "${line#*@VERSION@}"
		;;
	*)
		printf '%s\n' "$line"
		;;
	esac
done <"$template"
