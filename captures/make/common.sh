# shellcheck shell=bash
# What every script in this folder shares: refuse politely, build namespaces,
# start and stop captures, and clean up whatever happens.
#
# A script sources this file, calls `need TOOL…`, then one of the `hosts_…`
# functions, then `capture`, runs real programs with `client …` and
# `server …`, and ends with `finish`.
#
# Every namespace made here is called sockeye-PID-NAME and is removed by a trap
# when the script ends. Traffic stays inside those namespaces: no script here
# touches an interface, a route or a file of the machine it runs on (apart from
# the capture it was asked to make).

set -euo pipefail

MAKE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OUT=${1:-$(dirname "$MAKE")}
SELF=$(basename "$0")

refuse() { echo "$SELF: $*" >&2; exit 2; }

# need TOOL… : stop before anything is changed if something is missing.
need() {
    [ "$(uname -s)" = Linux ] || refuse "network namespaces exist on Linux only"
    [ "$(id -u)" = 0 ] || refuse "needs root to make network namespaces: sudo $0"
    local tool missing=()
    for tool in ip python3 tcpdump "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || missing+=("$tool")
    done
    [ ${#missing[@]} = 0 ] || refuse "not installed: ${missing[*]}"
    [ -d "$OUT" ] || refuse "no such folder: $OUT"
    PATH=$PATH:/usr/sbin:/sbin
    PYTHON=$(python3 -c 'import sys; print(sys.executable)')
    WORK=$(mktemp -d)
    trap cleanup EXIT
    trap 'exit 130' INT TERM
}

NAMESPACES=()   # names made by this run
BACKGROUND=()   # process ids started by this run
CAPTURES=()     # process ids of tcpdump or dumpcap, also started by this run
FILES=()        # names of the captures to hand over at the end

cleanup() {
    local pid ns
    for pid in ${CAPTURES[@]+"${CAPTURES[@]}"} ${BACKGROUND[@]+"${BACKGROUND[@]}"}; do
        kill "$pid" 2>/dev/null || true
    done
    for ns in ${NAMESPACES[@]+"${NAMESPACES[@]}"}; do
        # Only processes inside a namespace that this run made.
        for pid in $(ip netns pids "$ns" 2>/dev/null); do kill "$pid" 2>/dev/null || true; done
        ip netns del "$ns" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$WORK"
}

# namespace NAME : make one. IPv6 is off unless the script sets IPV6=yes, so
# that captures of IPv4 are not mixed with the kernel's own IPv6 chatter.
namespace() {
    local ns=sockeye-$$-$1
    ip netns add "$ns"
    NAMESPACES+=("$ns")
    if [ "${IPV6:-no}" = yes ]; then
        # No duplicate address detection, no router solicitation: quieter captures.
        inside "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
            net.ipv6.conf.all.router_solicitations=0 net.ipv6.conf.default.router_solicitations=0
    else
        inside "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    fi
    inside "$1" ip link set lo up
}

# inside NAME COMMAND… : run a command in the namespace NAME of this run.
inside() { local ns=sockeye-$$-$1; shift; ip netns exec "$ns" "$@"; }
client() { inside client "$@"; }
server() { inside server "$@"; }

# background NAME COMMAND… : the same, and do not wait for it. Its output is
# kept in the working folder, for looking at when a script fails.
background() {
    local ns=sockeye-$$-$1; shift
    ip netns exec "$ns" "$@" >>"$WORK/background.log" 2>&1 &
    BACKGROUND+=($!)
}

# link NAME-A IF-A NAME-B IF-B : a virtual cable between two namespaces.
link() { ip link add "$2" netns "sockeye-$$-$1" type veth peer name "$4" netns "sockeye-$$-$3"; }

# plug NAME IF MAC [ADDRESS…] : set the hardware address, add addresses, switch on.
plug() {
    local name=$1 interface=$2 mac=$3 address; shift 3
    inside "$name" ip link set "$interface" address "$mac"
    # Without this the kernel hands over frames of up to 64 kB and leaves
    # checksums to a network card that does not exist.
    [ "${OFFLOAD:-no}" = yes ] || inside "$name" "$PYTHON" "$MAKE/offload.py" "$interface"
    for address in "$@"; do
        case $address in
            *:*) [ "${IPV6:-no}" = yes ] && inside "$name" ip addr add "$address" dev "$interface" nodad ;;
            *) inside "$name" ip addr add "$address" dev "$interface" ;;
        esac
    done
    inside "$name" ip link set "$interface" up
}

# hosts_direct : client 10.77.0.1 and server 10.77.0.2 on one cable.
hosts_direct() {
    namespace client; namespace server
    link client eth0 server eth0
    plug server eth0 02:00:00:00:77:02 10.77.0.2/24 fd00:77::2/64
    plug client eth0 02:00:00:00:77:01 10.77.0.1/24 fd00:77::1/64
    settle
}

# hosts_relay OPTION… : the same two hosts with relay.py between them, in a
# namespace of its own. The options are relay.py's.
hosts_relay() {
    namespace client; namespace server
    IPV6=no namespace wire
    link client eth0 wire left
    link server eth0 wire right
    plug wire left 02:00:00:00:77:f1
    plug wire right 02:00:00:00:77:f2
    plug server eth0 02:00:00:00:77:02 10.77.0.2/24 fd00:77::2/64
    plug client eth0 02:00:00:00:77:01 10.77.0.1/24 fd00:77::1/64
    relay wire --left left --right right "$@"
    settle
}

# hosts_trunk TAG : client and server with a tagged cable in the middle. Two
# relays push and strip the tag; capture on interface "trunk" of namespace west.
#
#     client eth0 ── port west trunk ── trunk east port ── eth0 server
#                              ( tagged )
hosts_trunk() {
    namespace client; namespace server
    IPV6=no namespace west
    IPV6=no namespace east
    link client eth0 west port
    link west trunk east trunk
    link server eth0 east port
    plug west port 02:00:00:00:77:f1
    plug west trunk 02:00:00:00:77:f2
    plug east trunk 02:00:00:00:77:f3
    plug east port 02:00:00:00:77:f4
    inside west ip link set trunk mtu 1600      # room for the tags
    inside east ip link set trunk mtu 1600
    plug server eth0 02:00:00:00:77:02 10.77.0.2/24 fd00:77::2/64
    plug client eth0 02:00:00:00:77:01 10.77.0.1/24 fd00:77::1/64
    relay west --left port --right trunk --wrap "$1" --delay-ms 2
    relay east --left port --right trunk --wrap "$1" --delay-ms 2
    settle
}

# hosts_tunnel KIND OPTION… : client and server, a relay between them (OPTION…),
# and a tunnel over it (see tunnel.py): device tun0, addresses 10.78.0.1 and .2,
# fd00:78::1 and ::2. Capture on eth0 to see it from outside, on tun0 from inside.
hosts_tunnel() {
    local kind=$1; shift
    hosts_relay "$@"
    tunnel_end client "$kind" 10.77.0.1 10.77.0.2
    tunnel_end server "$kind" 10.77.0.2 10.77.0.1
    inside client ip addr add 10.78.0.1/24 dev tun0
    inside server ip addr add 10.78.0.2/24 dev tun0
    if [ "${IPV6:-no}" = yes ]; then
        inside client ip addr add fd00:78::1/64 dev tun0 nodad
        inside server ip addr add fd00:78::2/64 dev tun0 nodad
    fi
    settle
}

tunnel_end() {
    background "$1" "$PYTHON" "$MAKE/tunnel.py" "$2" --device tun0 --local "$3" --remote "$4"
    wait_for tunnel.py inside "$1" ip -o link show tun0 >/dev/null
    [ "$2" != geneve ] || inside "$1" ip link set tun0 address "02:00:00:00:78:0${3##*.}"
    inside "$1" ip link set tun0 mtu 1400 up
}

# hosts_lan NAME=N… : hosts on one switch (a bridge in a namespace of its own),
# each with the addresses 10.77.0.N and fd00:77::N and a hardware address that
# ends in N. N may be written with leading zeros where it has one digit.
hosts_lan() {
    IPV6=no namespace switch
    inside switch ip link add br0 type bridge
    inside switch ip link set br0 up
    local pair
    for pair in "$@"; do lan_host "${pair%%=*}" "${pair#*=}"; done
    settle
}

lan_host() {
    local name=$1 number=$2
    namespace "$name"
    link "$name" eth0 switch "to-$name"
    plug switch "to-$name" "02:00:00:00:07:$(printf %02x "$number")"
    inside switch ip link set "to-$name" master br0
    plug "$name" eth0 "02:00:00:00:77:$(printf %02x "$number")" "10.77.0.$number/24" "fd00:77::$number/64"
}

# behind NAME : a server elsewhere. The host NAME routes to 10.77.3.9
# (fd00:77:3::9), the namespace far, whose default route is NAME.
behind() {
    namespace far
    link "$1" far0 far eth0
    plug "$1" far0 02:00:00:00:77:03 10.77.3.1/24 fd00:77:3::1/64
    plug far eth0 02:00:00:00:77:09 10.77.3.9/24 fd00:77:3::9/64
    inside "$1" sysctl -qw net.ipv4.ip_forward=1
    inside far ip route add default via 10.77.3.1
    if [ "${IPV6:-no}" = yes ]; then
        inside "$1" sysctl -qw net.ipv6.conf.all.forwarding=1
        inside far ip -6 route add default via fd00:77:3::1
    fi
}

# drop_at NAME RULE… : what a firewall without manners does. Packets that match
# (in the words of ip-rule(8)) and come in on eth0 vanish.
drop_at() {
    local name=$1; shift
    # The table of the host's own addresses comes first, unless told otherwise.
    if inside "$name" ip rule show pref 0 | grep -q local; then
        inside "$name" ip rule add pref 100 lookup local
        inside "$name" ip rule del pref 0
    fi
    inside "$name" ip rule add pref 10 iif eth0 "$@" blackhole
}

# many_hosts N : the server answers, by itself, as the hosts 10.77.1.1 to
# 10.77.1.N, which the client reaches through it. Nobody else is in 10.77.1.0/24.
many_hosts() {
    local number
    server sysctl -qw net.ipv4.ip_forward=1
    server ip route add blackhole 10.77.1.0/24
    for number in $(seq "$1"); do server ip addr add "10.77.1.$number/32" dev lo; done
    client ip route add 10.77.1.0/24 via 10.77.0.2
}

# relay NAME OPTION… : start relay.py and wait until it says that it forwards.
relay() {
    local name=$1; shift
    local ready=$WORK/relay-ready-${#BACKGROUND[@]}
    background "$name" "$PYTHON" "$MAKE/relay.py" --ready "$ready" "$@"
    wait_for "relay.py" test -e "$ready"
}

# With IPv6 on, new interfaces announce their multicast groups for a second or two.
settle() { [ "${IPV6:-no}" = no ] || sleep 3; }

# wait_for WHAT COMMAND… : repeat a test for up to ten seconds.
wait_for() {
    local what=$1 tries; shift
    for tries in $(seq 200); do
        if "$@" 2>/dev/null; then return 0; fi
        sleep 0.05
    done
    cat "$WORK"/*.log >&2 2>/dev/null || true
    refuse "$what did not start ($tries tries)"
}

# listening NAME PORT : wait until something in that namespace listens on a TCP port.
listening() { wait_for "port $2" is_listening "$1" "$2"; }
is_listening() { inside "$1" ss -Hltn "sport = :$2" | grep -q .; }

# web PORT… : the web server, in the server namespace. web_at NAME PORT… : in another.
web() { web_at server "$@"; }
web_at() {
    local name=$1; shift
    background "$name" "$PYTHON" "$MAKE/web.py" "$@"
    local port; for port in "$@"; do listening "$name" "$port"; done
}

# servers PORT=BEHAVIOUR… : small TCP servers with one habit each (see servers.py).
servers() { servers_at server "$@"; }
servers_at() {
    local name=$1; shift
    background "$name" "$PYTHON" "$MAKE/servers.py" "$@"
    local pair; for pair in "$@"; do listening "$name" "${pair%%=*}"; done
}

# names : a DNS server (dnsmasq) in the server namespace. It knows the zone
# example.test and asks nobody else.
names() {
    local long; long=$(printf 'x%.0s' $(seq 250))
    background server dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root \
        --no-resolv --no-hosts --local=/test/ \
        --host-record=www.example.test,10.77.0.2,fd00:77::2 \
        --cname=web.example.test,www.example.test \
        --mx-host=example.test,mail.example.test,10 \
        --txt-record=long.example.test,"$long","$long","$long","$long","$long","$long"
    listening server 53
    echo 'nameserver 10.77.0.2' >"$WORK/resolv.conf"
}

# client_with_names COMMAND… : run a command that resolves names with that server.
# `ip netns exec` gives the command a private view of the mounts, so the
# machine's own /etc/resolv.conf stays as it is.
client_with_names() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    client sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$WORK/resolv.conf" "$@"
}

# capture NAME INTERFACE FILE [TCPDUMP OPTIONS AND FILTER] : start tcpdump and
# wait until it listens. Nanosecond timestamps, whole packets unless told.
capture() {
    local ns=sockeye-$$-$1 interface=$2 file=$3; shift 3
    local log=$WORK/$file.log
    ip netns exec "$ns" tcpdump -Z root -n -U --immediate-mode -B 65536 --time-stamp-precision=nano \
        -i "$interface" -w "$WORK/$file" "$@" 2>"$log" &
    CAPTURES+=($!)
    FILES+=("$file")
    wait_for "tcpdump on $interface" grep -q 'listening on' "$log"
}

# capture_pcapng NAME FILE DUMPCAP OPTIONS : the same with dumpcap, which writes pcapng.
capture_pcapng() {
    local ns=sockeye-$$-$1 file=$2; shift 2
    local log=$WORK/$file.log
    ip netns exec "$ns" dumpcap -q "$@" -w "$WORK/$file" 2>"$log" &
    CAPTURES+=($!)
    FILES+=("$file")
    wait_for dumpcap grep -q '^File: ' "$log"
    sleep 0.5
}

# stop_capture : let the last packets arrive, then stop every capture, and
# refuse the result if the sniffer could not keep up.
stop_capture() {
    sleep 0.5
    local pid
    for pid in ${CAPTURES[@]+"${CAPTURES[@]}"}; do
        kill -INT "$pid"
        wait "$pid" || true
    done
    CAPTURES=()
    if grep -E '^[1-9][0-9]* packets? dropped|dropped on interface .*: [0-9]+/[1-9]' "$WORK"/*.log >&2; then refuse "the capture is not complete, try again"; fi
}

# truth FILE : hand over what relay.py did to the packets (its --log, which it
# writes when it is stopped), with what the server's kernel counted.
truth() {
    local pid
    for pid in $(ip netns pids "sockeye-$$-wire"); do kill "$pid"; done
    wait_for "the log of relay.py" grep -q '^}' "$WORK/relay.json"
    server "$PYTHON" "$MAKE/truth.py" "$WORK/relay.json" >"$WORK/$1"
    FILES+=("$1")
}

# finish : stop, hand the files over, say what was made.
finish() {
    stop_capture
    local file
    for file in "${FILES[@]}"; do hand_over "$file"; done
}

hand_over() {
    [ -s "$WORK/$1" ] || refuse "nothing was captured into $1"
    install -m 644 "$WORK/$1" "$OUT/$1"
    # Under sudo, the file belongs to the person who asked.
    [ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$OUT/$1"
    printf '%s: %s bytes\n' "$1" "$(stat -c %s "$OUT/$1")"
}
