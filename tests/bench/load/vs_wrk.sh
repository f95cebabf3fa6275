#!/bin/sh
# CPU time per request, ours against wrk's: GET of 100 bytes from nginx on loopback, 64 connections, one
# processor each for client and server, both saturated. Hence no file: opening one would make nginx the
# slower end, and a client that sleeps between answers pays for every wake-up. Five alternating pairs; the
# median of the ratios.
#
#   vs_wrk.sh CLOSED_LOOP_PROGRAM [SECONDS]
set -eu
ours=$1
seconds=${2:-3}
connections=64
pairs=5

for tool in wrk nginx taskset; do
	if ! PATH=$PATH:/usr/sbin command -v $tool >/dev/null; then
		echo "skipped: $tool is not installed"
		exit 77
	fi
done
if [ "$(nproc)" -lt 2 ]; then
	echo "skipped: needs two processors"
	exit 77
fi

first=
group=
if nice -n -20 true 2>/dev/null; then
	first="nice -n -20" # so that a busy neighbour does not decide the comparison …
	if [ -w /proc/self/autogroup ]; then
		# … not even one of another session, where the kernel schedules sessions as groups
		{ group=$(sed 's/.* //' /proc/self/autogroup) && echo -20 >/proc/self/autogroup; } 2>/dev/null || group=
	fi
fi
dir=$(mktemp -d)
nginx_pid=
cleanup() {
	[ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || true
	[ -z "$nginx_pid" ] || wait "$nginx_pid" 2>/dev/null || true
	rm -rf "$dir"
	[ -z "$group" ] || echo "$group" >/proc/self/autogroup
}
trap cleanup EXIT INT TERM

port=$((20000 + $$ % 10000))
cat >"$dir/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $dir/pid;
error_log $dir/error.log;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path $dir/body;
	proxy_temp_path $dir/proxy;
	fastcgi_temp_path $dir/fastcgi;
	uwsgi_temp_path $dir/uwsgi;
	scgi_temp_path $dir/scgi;
	server { listen 127.0.0.1:$port; location / { return 200 "$(printf %0100d 0)"; } }
}
CONF
PATH=$PATH:/usr/sbin $first taskset -c 1 nginx -c "$dir/nginx.conf" -p "$dir" &
nginx_pid=$!
sleep 1

# "user system" seconds of one run, from the shell's own accounting of its child
cpu_of_wrk() {
	( /usr/bin/env bash -c 'TIMEFORMAT="%U %S"
		time '"$first"' taskset -c 0 wrk -t1 -c'"$connections"' -d'"$seconds"'s http://127.0.0.1:'"$port"'/small' \
		2>&1 ) >"$dir/wrk"
	awk '/requests in/ { n = $1 } NF == 2 && /^[0-9.]+ [0-9.]+$/ { cpu = $1 + $2 }
		END { printf "%.4f\n", cpu * 1e6 / n }' "$dir/wrk"
}

cpu_of_ours() {
	$first taskset -c 0 "$ours" "127.0.0.1:$port" /small $connections "$seconds" >"$dir/ours"
	awk '{ print $NF }' "$dir/ours"
}

cpu_of_wrk >/dev/null
i=0
while [ $i -lt $pairs ]; do
	wrk=$(cpu_of_wrk)
	us=$(cpu_of_ours)
	ratio=$(awk -v a="$us" -v b="$wrk" 'BEGIN { printf "%.3f", a / b }')
	echo "pair $i: wrk $wrk us/request, ours $us us/request, ratio $ratio"
	echo "$ratio" >>"$dir/ratios"
	i=$((i + 1))
done
cat "$dir/ours"
sort -n "$dir/ratios" | awk '{ r[NR] = $1 } END { print "median ratio " r[int((NR + 1) / 2)] " (at most 0.95 wanted)" }'
