#!/bin/sh
# wire.sh - the network layer on real devices: three namespaces, two veth pairs, echo and TCP
# packets by way of net_af_xdp and net_af_packet. Run as root; leaves nothing behind.
#
# usage: wire.sh BUILD_DIRECTORY
set -eu
wire=$1/tests/unit/net/wire
peer=$(dirname "$0")/wire_peer.py
id=wire$$
log=$(mktemp)

clean() {
	for ns in "$id-gw" "$id-a" "$id-b"; do
		ip netns del "$ns" 2>/dev/null || true
	done
	rm -f "$log"
}
trap clean EXIT
trap 'exit 1' INT TERM

# The peer's checksums must be real: nobody fills them in on the way to an XDP program.
link() { # namespace, its interface, the gateway's interface, address
	ip link add "$2" netns "$1" type veth peer name "$3" netns "$id-gw"
	ip -n "$1" addr add "$4" dev "$2"
	ip -n "$1" link set "$2" up
	ip -n "$id-gw" link set "$3" up
	for end in "$1 $2" "$id-gw $3"; do
		ip netns exec "${end% *}" ethtool -K "${end#* }" rx off tx off tso off gso off gro off \
			>/dev/null
	done
}

run() { # wire's arguments; leaves its report in $log
	: >"$log" # now: the shell in the background would empty it too late
	ip netns exec "$id-gw" "$wire" "$@" >"$log" 2>&1 &
	pid=$!
	until grep -q ready "$log"; do
		kill -0 $pid || { cat "$log"; exit 1; }
		sleep 0.1
	done
}

finish() {
	wait $pid
	grep -E 'ready|worker|mbufs|device' "$log"
	! grep -Eq 'damaged=[1-9]|packet of another' "$log"
}

for ns in "$id-gw" "$id-a" "$id-b"; do
	ip netns add "$ns"
done
link "$id-a" "va" "ga" 198.18.0.1/24
link "$id-b" "vb" "gb" 198.18.1.1/24

for device in net_af_xdp,iface=ga net_af_packet,iface=ga; do
	for workers in 1 3; do
		echo "== $device, $workers workers"
		run 8 $workers $device 198.18.0.2 24
		ip netns exec "$id-a" "$peer" ping 198.18.0.2
		ip netns exec "$id-a" "$peer" tcp 198.18.0.1 198.18.0.2 10000
		finish
	done
done

for driver in net_af_xdp net_af_packet; do
	echo "== $driver, from one interface to the other"
	run 8 1 $driver,iface=ga 198.18.0.2 24 $driver,iface=gb 198.18.1.2 24 198.18.1.1
	ip netns exec "$id-b" "$peer" listen 5 &
	listener=$!
	ip netns exec "$id-a" "$peer" send 198.18.0.1 198.18.0.2 10000
	heard=true
	wait $listener || heard=false
	finish
	$heard
done
echo passed
