#!/usr/bin/env bash
# Runs sockeye and its peers (argus, softflowd, nfpcapd, tshark, tcpdump, tcptrace) and the bare loop on the same capture files, as whole
# processes, and writes Markdown tables with CPU time, wall time and peak memory. Run by hand:  benches/compare.sh [OPTIONS]
#
#   --roles LIST     of: start flows summary print record jsonl scale attacks corpus (all); see compare.py for what each runs
#   --rounds N       runs of each command; what is printed is the median (5)
#   --small          a tenth of the packets, flows up to 1 million: to see that everything works
#   --data DIR       where capture files are kept, made when missing: 6 GB (target/bench-data); output files go there, too
#   --corpus WHAT    real captures to be joined: a folder, searched for *.pcap and *.pcapng, or a text file with a name a line
#   --limit SECONDS  a command that takes longer is ended and reported so (600)
#   --out FILE       where the tables go (target/compare.md)
#   --sockeye FILE   a program that is built already;  --before FILE: another one to stand beside it in every role
#
# Installs what is missing (Debian, Ubuntu; as root or with sudo), builds, and makes the files. Five rounds of all take about an hour and a half on
# two cores, most of it tcpdump and tshark.
set -euo pipefail
start=$PWD
cd "$(dirname "$0")/.."
absolute() { case $1 in /*) echo "$1" ;; *) echo "$start/$1" ;; esac }

data=target/bench-data out=target/compare.md sockeye= small= pass=()
while [ $# -gt 0 ]; do
    case $1 in
        --data) data=$(absolute "$2"); shift ;;
        --out) out=$(absolute "$2"); shift ;;
        --sockeye) sockeye=$(absolute "$2"); shift ;;
        --corpus | --before) pass+=("$1" "$(absolute "$2")"); shift ;;
        --small) small=-small ;;
        --roles | --rounds | --limit) pass+=("$1" "$2"); shift ;;
        *) sed -n '2,/^set/p' "$0" | sed '$d; s/^# \?//' >&2; exit 2 ;;
    esac
    shift
done

.ci/install python3 argus-server softflowd nfdump tshark tcpdump tcptrace
if [ -z "$sockeye" ]; then
    cargo build --release --quiet --bin sockeye
    sockeye=$PWD/target/release/sockeye
fi
built() { cargo bench --bench "$1" --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\)).*/\1/p'; }
bare=${BARE:-$(built bare)} traffic=${TRAFFIC:-$(built traffic)}
[ -x "$bare" ] && [ -x "$traffic" ] || { echo "compare: the bare loop or the generator was not built" >&2; exit 2; }

mkdir -p "$data"
# Name of the file, and what the generator is told.
make() {
    local file=$data/$1.pcap
    shift
    [ -s "$file" ] && return
    local last=("$@")
    "$traffic" "${last[@]}" "$file.part"
    mv "$file.part" "$file"
}
if [ -n "$small" ]; then
    make mix-small mix --packets 300000 --flows 2000
    make flows10k-small flows --flows 10000 --packets 300000
    make flows100k-small flows --flows 100000 --packets 700000
    make flows1m-small flows --flows 1000000 --packets 3000000
    many=100000
else
    make mix mix --packets 3100000
    make mix-small mix --packets 300000 --flows 2000
    make flows10k flows --flows 10000 --packets 3000000
    make flows100k flows --flows 100000 --packets 3000000
    make flows1m flows --flows 1000000 --packets 7000000
    make flows5m flows --flows 5000000 --packets 35000000
    many=500000
fi
make tiny mix --packets 10 --flows 3
make "syn$small" attack syn --packets "$many"
make "half-open$small" attack half-open --packets $((4 * many))
for kind in fragments overlaps window holes tunnels collisions udp; do
    make "$kind$small" attack "$kind" --packets "$many"
done
make "small-holes$small" attack small-holes --packets $((6 * many))

exec python3 benches/compare.py --sockeye "$sockeye" --bare "$bare" --data "$data" --out "$out" ${small:+--small} "${pass[@]}"
