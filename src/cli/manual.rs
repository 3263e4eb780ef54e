//! Long texts: the start page, `help TOPIC`, the manual page, completions.

use super::args::Line;
use super::errors::Problem;
use super::manual_page;
use clap::CommandFactory;
use sockeye::model::LinkType;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// What `sockeye` alone prints: one command to try for each group of users.
pub(crate) const START: &str = "\
sockeye: an eye on sockets. Packets, connections, and what happened to them.

  Look into a saved capture:     sockeye capture.pcapng
  Watch packets as they pass:    sudo sockeye -i eth0 'tcp port 443'
  Learn from a connection:       sockeye explain capture.pcap

  Save packets for later:        sudo sockeye capture -i eth0 -w today.pcapng
  Conversations as records:      sockeye flows capture.pcap --format jsonl
  Can I capture here:            sockeye doctor

  All commands:                  sockeye --help
  Filters, time, states, ...:    sockeye help filters | time | states | stories
";

const TIME: &str = "\
TIME

Packet lines show local time, as tcpdump does (TZ is obeyed; --utc and
--tz Europe/Berlin choose another):
  (nothing)  21:11:20.519936                -t      no time
  -tt        1795209080.519936              -ttt    since the line before
  -tttt      2026-11-20 21:11:20.519936     -ttttt  since the first line
--time clock|epoch|delta|date|rel|none says the same in words.
Six digits, nine with --nano. The summary and all records are in UTC;
records carry nine digits.

--from and --to take
  2026-11-20T21:11:20Z      RFC 3339
  2026-11-20 21:11:20.5     a date and a time (in the zone of the output)
  21:11:20                  a time on the day of the capture's first packet
  1795209080.5              seconds since 1970
--from is included, --to is not.
";

const STATES: &str = "\
STATES

TCP, in the words of the screens:
  opening      SYN seen, no answer yet
  open         SYN, SYN-ACK and ACK were seen
  stalled      open, and a receiver's window is 0
  half-open    SYN-ACK seen and never acknowledged
  closing      a FIN was sent and is not acknowledged yet
  half-closed  one side has closed its half, the other goes on
  closed       both sides closed
  reset →      the client reset it        reset ←   the server reset it
  refused      the SYN was answered by RST
  unreachable  an ICMP error came back for the SYN
  no answer    SYNs and nothing else
  midway       it started before the capture (or its beginning was given out
               early for want of room)
  half-open*   any state with a *: given out early for want of room, when it had
               come so far; what came later is told apart (sockeye help memory)

Datagrams:
  answered     both sides sent something
  no reply     a request of a known protocol, and nothing back
  one-way      only one side sent
  refused      an ICMP error came back: port unreachable
  unreachable  another ICMP error came back

Columns: RTT is the round trip of the handshake, or of the first request and
reply (~ where a packet was repeated and nothing tells which copy was answered).
← between client and server: only the answer (ICMP) is in this conversation.
OUT and IN are the bytes that client and server sent, each counted once; RESENT
counts segments sent again (sockeye help verdicts; ? where the capture dropped
packets while the conversation ran: all its counts are a minimum). SYNS counts
the SYNs of an attempt; SRV LEG and CLI LEG are the parts of the round trip
between the capture and each side. A reset instead of the ACK (as port scanners
send it) leaves an attempt half-open; the conversation is reset.

Letters of IDs: c TCP, u UDP, i ICMP and ICMPv6, s SCTP, x other.
IDs count conversations after the capture filter.
";

const VERDICTS: &str = "\
VERDICTS

Each TCP segment that is not the next one expected gets a verdict, with what it
rests on, and how sure that is (of keep-alives and probes only if not sure):
  #394 c3 resent (hole #219, 70.7ms old, IP id newer): sure

  resent             its sender sent it again
  resent needlessly  and the receiver had it already (in records: spurious)
  reordered          overtaken on its way by segments sent after it
  duplicate          the same packet twice: copied by the network or capture
  keep-alive         asks whether the peer is still there
  zero-window probe  asks whether the peer's window is still shut
  unsure             the packets do not decide

  hole #219          it fills a hole that packet 219 left before itself
  seen before as     an earlier copy passed here
  overtaken by       that packet was sent later and came first
  sure, likely       the packets prove it; the packets speak for it
  provisional        what comes within two round trips may still change it

Live, lines come at once and say provisional. From a file a line waits until its
verdict is settled (and all lines after it), up to 65,536 lines or 16 MiB. On a
terminal, and with -l, lines from a pipe that falls silent come as they are.

RESENT in tables counts segments of both sides, SYN and FIN included; of packets
that offloading merged each segment counts; + where there may be more. The
summary says on which side of the capture they were lost: before this point
(they filled a hole here) or beyond it (they had passed here). What the capture
itself missed is told apart: it was acknowledged, so that the network did not
lose it. Where the capture says that it dropped packets when a hole was made,
nothing tells on which side that was, and RESENT has a ?.

The other words in the parentheses; longer in docs/formats.md, Evidence of
verdicts:
  timestamp newer, timestamp older, timestamp equal    than the other packet's
  IP id newer, IP id older, IP id equal                likewise
  timestamp echo, ACK number  differs from the earlier copy's, and only grows
  new flow label, ECN         such as its sender gives to packets sent again
  identical, copied again     the same headers and checksum passed before, after
  by its age                  too soon or too late for something else
  asked for                   by duplicate ACKs or SACK blocks
  already acknowledged        before it came
  DSACK                       the receiver reported that it got it twice
  captured at its sender      what passes twice there was sent twice
  the capture missed it       acknowledged before it was seen
  the capture dropped packets when the hole was made: perhaps it is its own
  seen before, fills a hole, same SYN    where the other packet is not told
  window shut, one byte back  what makes it a probe, a keep-alive
  after a pause               of a retransmission timeout
  too long ago                what it would be compared with is forgotten

Wireshark's opinion is in the key tcp.wireshark of packets --format jsonl.
";

const RECORDING: &str = "\
RECORDING

  sudo sockeye capture -i eth0 -w today.pcapng
  sudo sockeye capture -i eth0 -w t.pcapng.zst -G 1h -C 1g --keep-bytes 50g
  sockeye capture -r big.pcap -w part.pcap -C 100m

One file after the other (packets -w can, too):
  -C SIZE   begin another before it grows beyond SIZE: millions of bytes, or
            with k, m, g KiB, MiB, GiB; counted before compression. Counters at
            the end of a pcapng file come on top.
  -G TIME   begin another after TIME (seconds, or 5m, 1h). The k-th period
            begins k times TIME after the start (of a file that is read: after
            its first packet). It ends by the clock, also when nothing comes.
  Both      whichever comes first. A packet is never split.
  -W COUNT           keep the newest COUNT files, that being written included.
                     tcpdump -G -W stops after COUNT files; this does not.
  --keep-bytes SIZE  keep at most SIZE of files, the newest. Only complete files
                     of this run are ever removed, the newest of them not before
                     the next has begun.
  -z COMMAND         run COMMAND FILE for each complete file, the last one
                     included; at most four at once, and the end waits for
                     them. One that fails makes the exit code 1. COMMAND is one
                     program, FILE the name as -w has it; it runs as whoever
                     started sockeye (root, if not by sudo), with nothing to
                     read, and what it prints goes nowhere, but for errors.
                     -W and --keep-bytes remove a file within a second or two
                     after its command is done, not before: what waits for a
                     slow one comes on top, up to 10,000 files, and is told when
                     it gets behind. What COMMAND makes of files is never
                     removed. A second Ctrl-C does not wait: commands that run
                     go on, the files that are left get none.
A file begins with the first packet that belongs to it, so periods in which
nothing came have no file; only a capture that sees nothing at all leaves one.

Names: t.pcapng gives t_00001_20261121053000.pcapng (number, local time of its
start), t-%Y%m%d-%H%M%S.pcap is expanded as by strftime(3); a name that is taken
gets _00002 and so on. Nothing is overwritten. With -C and -G a file is
NAME.part until it is complete. After kill -9 it can be read to the last flush.

What is in memory is flushed to the file once a second; SIGUSR2 does it at once,
-U with each packet. SIGHUP ends the file and begins the next (with -C or -G if
it holds packets, the next with the next packet), also without -C and -G: then
under the same name if you moved that file away, else under t_00002_TIME.pcapng.
Pipes and - cannot be rotated: SIGHUP ends the run, and the reading of saved
files. SIGUSR1: a line of counters.

A name that ends in .zst is compressed. Each flush ends a frame of zstd, so what
was flushed can be read (sockeye; zstdcat FILE | tcpdump -r -, or tshark -r -,
which by itself reads the first frame alone: tshark 4.0.17).

While the disk is slower than the packets, up to 64 MiB wait in memory. What
finds no room then is left out and counted, at the end of the capture and, in
pcapng, at the next packet (epb_dropcount) and in the interface's statistics:
received, dropped by interface and kernel, accepted, delivered, each file its
own share, with the time that it covers. They are a second old at most, so drops
may be told by the file after; received and accepted are what the file holds at
least.

At the end a live run prints its counters. Dropped by kernel, by interface, by
sockeye: lost. Duplicates: loopback shows each packet twice, and one of the two
is not counted as a packet. Left unread: had come when the run was told to stop.
Who reads the output (a pipe, a paused pager) is waited for while it reads, and
2 seconds when it does not; what it did not get is counted.

When something fails (disk full, folder gone, read-only), the file is cut after
its last whole packet (.zst: after the last flush, so up to a second more is
lost), the capture stops and says what was not saved: exit 1.
";

const PARTS: &str = "\
PARTS

  sockeye split -r day.pcap -o parts              a file for each conversation
  sockeye split -r day.pcap -o parts --by state   refused.pcap, no-answer.pcap

--by flow      a conversation: c3-10.98.0.1.49382-10.98.0.2.80.pcap, by its ID
               and ends, client first; _ stands for the colons of IPv6
--by host      all that a host said to others, 10.98.0.1.pcap: each packet is in
               the files of both its hosts
--by port      a server's port, tcp-443.pcap, udp-53.pcap; icmp.pcap
--by state     how conversations ended up: sockeye help states
--by protocol  tcp.pcap, udp.pcap, icmp.pcap, gre.pcap, ip-99.pcap
--by finding   all who take part in a finding, by its number and code as sockeye
               findings has them: f1-port-scan.pcap; what takes part in several
               is in each, in none: no-finding.pcap. Findings are those of the
               whole capture, whatever --where chooses; one on addresses (ARP)
               has no conversations and no file

A packet goes where its conversation is counted: fragments of a datagram with
the one that completes it, an ICMP error to the conversation that it quotes.
Those of no conversation (ARP, what is not understood) are in other.pcap. That
every packet that the filter let through is in a file is counted and compared.

DIR is made if it is not there. What an earlier run left in it is overwritten
only with --force; the capture being read never, and no link is followed. Files
of an earlier run that this one has no name for stay: the index has those of
this run. Frames are kept as they are, with their times, link types and
interfaces; from pcapng and of several link types the files are pcapng
(--write-format). Names of addresses, TLS secrets and counters of the whole
capture are in none of them.

index.jsonl has a record a file as it is complete, then the totals; without its
last record (type end) it was cut off. Its keys: docs/formats.md. On standard
output stand the 20 files with the most packets (--all: every file), or with
--format jsonl, csv, tsv, md all of them.

16 files are open at most. Packets are gathered in memory, a part of
--max-memory, and the longest lists are written when it is used up. Where more
conversations are under way than have room (some 13,000 with 64m, 340,000 with
1g), some are given out early and go on in files of their own, which is counted.
All but --by flow, and --where, read the capture twice, since groups are known
at the end: so it cannot be a pipe. Live captures are not split: record first,
or through a pipe:
  sudo sockeye capture -i eth0 -w - | sockeye split -r - -o parts

When the disk is full, the file at hand is cut after its last whole packet; it
is said how many files are complete and what is in none: exit 1.
";

const EXIT: &str = "\
EXIT CODES

  0    done; Ctrl-C (or SIGTERM) on a live capture or a pipe is a normal end
  1    failed while running: disk full, interface gone, write error, -z failed
  2    usage, or a bad filter
  3    input not usable: missing, not a capture, link type unknown
  4    no permission
  5    input damaged or cut short; everything before the damage was reported
  10   findings --fail-on: there is a finding as grave as that
  130  Ctrl-C before the end of a saved file: what was read until then is
       reported, what is written is whole, and how far it was is said (also in
       records: `problem` of the source). 143 after SIGTERM, 129 after SIGHUP.
       It ends by the signal itself, so that a loop of the shell ends, too.
  130  stopped at once by a second Ctrl-C (of files by any second signal that
       is no echo of the first, and by the first when all is read and only the
       output goes on): what is written may be cut off
  141  standard output was closed (killed by SIGPIPE), as other filters end
";

const PRIVILEGES: &str = "\
PRIVILEGES

Capturing needs root or CAP_NET_RAW; reading saved captures needs nothing:
  sudo sockeye -i eth0
  sudo setcap cap_net_raw+ep \"$(command -v sockeye)\"    (once; then no sudo)

Whatever sockeye was started with, it opens what needs rights and gives all of
them up before it looks at the first byte of a packet or a file:
  started by root        it becomes nobody; files it writes are root's
  started by sudo        it becomes you; files that it reads and writes are
                         opened with your rights (also by pkexec, doas)
  -Z USER                it becomes USER; files that root writes are USER's
  -Z root                it stays root, without capabilities
  with setcap            it stays you, without capabilities
  set-user-ID            it does not run
No capability is left, none can be got back, and the sandbox is closed: of the
file system only time zones can be read (Landlock), and no file, socket or
process can be made (seccomp). Output files are created, and -z commands run, by
a second process that never sees a packet.

What the kernel lacks of this is said in a line (-q: not), and the run goes on.
On an interface -v says what is in force. --no-sandbox leaves out Landlock and
seccomp, for systems that break with them; user and capabilities go nonetheless.

sockeye doctor tries all of it on this machine. The list of what is still
allowed, and how it is tested: docs/privileges.md.
";

const JSON: &str = r#"
JSON

packets, flows and handshakes write JSON Lines with --format jsonl: one object a
line, UTF-8.

  sockeye flows --format jsonl capture.pcap
  sockeye handshakes --format jsonl capture.pcap |
    jq -r 'select(.type == "handshake" and .handshake.outcome == "refused").id'

Each has a type, and they come in this order:
  capture    first, one for each file or interface list: name, format, filter,
             interfaces. Again when a pcapng file names more interfaces.
  packet     packets: each packet that the filter let through, in file order
  flow       flows: each conversation when it ends (at the end of a file all
             that are left)
  handshake  handshakes: each attempt to connect when its outcome is known
  end        last, the totals: packets, flows, what was dropped and where, what
             was not understood. Without it the output was cut off.

A packet names its conversation: "flow":"c1" is the flow with "id":"c1". Numbers
of packets count from 1 in each file, "file" from 1; interfaces count from 0 in
"interfaces" of the capture record.

  {"type":"flow","id":"c1","proto":"tcp",
   "start":"2026-11-20T23:15:14.708004857Z","duration":0.048254358,
   "state":"closed","orig":{"ip":"10.77.0.1", ...

Times are UTC with nine digits, spans are seconds. What is not known is null,
never 0 and never left out. Keys are only ever added.
--fields id,state,orig chooses columns of --format csv, tsv and md: the same
names, with dots for what is inside: orig.packets. Of flows and handshakes in
JSON Lines it chooses keys.

Every key: docs/formats.md; as JSON Schema: sockeye help schema
"#;

const MEMORY: &str = "\
MEMORY

--max-memory SIZE is the most resident memory of a run, whatever it reads: a
quarter of the machine's, at most 1g, unless given; 64m at least. --max-flows
bounds the number of conversations kept at once. Nothing stops when they are
used up, and totals (packets, bytes) stay exact. What happens instead is
counted: in the end record of JSON Lines, and but for the second in the summary
and in a line on standard error.

  flows_evicted       conversations given out early: end_reason evicted, *
                      behind their state in tables. State, counts and times are
                      those of what had come until then; how they would have
                      ended is not known. What comes later is a conversation of
                      its own, mostly midway. So there are at most as many
                      conversations as records.
  flows_closed_early  conversations that were over and made room before the 5
                      (reset) or 15 seconds (closed) for which late packets are
                      waited for. Nothing is missing in them; only the order of
                      records differs, and a FIN sent again is a conversation of
                      its own.
  flows_incomplete    conversations of which segments had to be forgotten, as
                      the quarter for such lists was used up: RESENT, verdicts
                      and measures are a minimum (+, loss_at_least,
                      measured_at_least) or missing (vantage).

Given out are first those that are over, then attempts without an answer,
half-open ones, strays, datagrams, and open connections that have been silent
longest at last. Each kind may keep a sixteenth of the table, so that a new
handshake is seen whole among open connections, and the other way round. Where
more conversations take turns than have room, each is given out before its next
packet comes: then nearly every packet is a conversation of its own.

How much would do: of 64m two fifths are for conversations, of 1g three fifths.
With all columns a TCP connection takes 3 to 4 kB of it, from its first packet
until it has been silent for its time, an attempt without an answer 1.5 kB, a
conversation of datagrams 0.6 kB; with --fields id,state,orig.packets a third to
two thirds of that. Of a capture with 100,000 connections at a time none was
given out before it was over with 384m, and nothing was forgotten with 1g. A
capture filter helps as well.

docs/memory.md has all that an input can make grow, and its bounds.
";

const THREADS: &str = "\
THREADS

--threads N follows conversations in N threads, in flows, handshakes and
summary; not in packets, or in Zeek's rows. One is the default, and usually
right.

Files: one thread more reads, and one writes. Conversations between the same two
hosts are in one thread, so a file of two hosts gains nothing; and reading alone
takes so much of the time that several threads are hardly faster, for a third
more CPU time or twice as much.
Live: each thread captures, too, by a ring of its own, and the kernel shares out
the packets: for more packets than one thread can take.

Records are those of one thread: of files also in the same order, while there is
room. Each thread has 1/N of the memory for conversations (the lists of their
segments have theirs in common), and which hosts are in which thread is left to
chance. So where flows_evicted, flows_closed_early and flows_incomplete in the
end record are not all 0, which conversations give way, the order of records and
what is forgotten differ from one thread, and from run to run: sockeye help
memory. What is learnt of the ways between hosts (57,344 pairs by default) is
divided, too: with more pairs to a thread than it has room for, vantage and
verdicts may differ, which is not counted.
--max-flows bounds the flows of all threads. Of files they are some packets
apart, so that there may be more by what begins in 5 MiB of packets; a small
file is all within that.
";

const FINDINGS: &str = "\
FINDINGS

The last lines of  sockeye FILE, and  sockeye findings FILE: what deserves a
look, one for each cause and group of conversations, the gravest first.
  ✗ high      something did not work at all, or somebody attacks
  ! medium    somebody was hindered, or may have been
  · low       good to know
Then the first conversation, what it is, and the packets that show it.

  refused        a reset to the SYN, ICMP to the datagram: nobody listens
  no_answer      SYNs, and nothing came back
  unreachable    an ICMP error came back
  half_open      SYN,ACK, and never an ACK
  zero_window    a receiver's window stayed shut
  resent         segments sent again: 0.5 % or more, and 3 at least
  path_mtu       packets too big for the way, as ICMP says
  reset          a reset in the middle of a connection
  capture_loss   the capture itself is not whole
  port_scan      a host asks many ports or many hosts, mostly in vain
  probe          packets that no connection begins with
  syn_flood      attempts that nobody completes, by the hundred
  dns            names that do not exist or could not be found out
  tls_alert      a TLS handshake that was broken off
  password_in_clear  a login that everyone on the way can read
  slow_requests  requests begun and never finished, many at one time
  left_open      sockets that a program forgot to close
  black_hole     packets too big for the way, and no ICMP that says so
  peer_gone      one side sends again and again, and nothing comes back any more
  injected_reset     a reset that its sender knows nothing of: it goes on
  rewritten_data     data that came again with other bytes
  spoofed_address    by ARP or neighbour discovery a host takes addresses
  duplicate_address  two hosts have one address
  neighbour_silent   nobody has the address that is asked for; also ARP sweeps
  clear_protocol Telnet, mail, LDAP and the like that everyone can read
  exposed_port   ssh, databases and the like that answer foreign addresses:
                 private ones are local, and those of --local NET

findings says of each: Seen, Means (one of several), Not, Check; -v adds the
source of the rule and what a scan found; --format jsonl for scripts.
--fail-on high ends with 10 when there is a finding as grave (a scan is medium):
  sockeye findings -q --fail-on medium FILE; [ $? -eq 10 ] && echo look at it
Several files are one capture, merged by time: for findings of each write a loop
over them. The packets of all that takes part in one:
  sockeye packets -r FILE --where finding=port_scan -w scan.pcapng
Rules, and when each is wrong: docs/findings.md.
";

const WHERE: &str = "\
CONDITIONS ON CONVERSATIONS

--where CONDITION (or -Y) of summary, flows, handshakes and findings: only those
conversations for which it holds; of packets and capture (-w): their packets, of
split: their files; of show, explain and follow without an ID: the one of which
there is most to learn. A capture filter chooses packets by what stands in each;
this chooses conversations by what became of them. Packets of no conversation
(ARP) are never chosen; -c counts packets before the condition.

  sockeye FILE --where 'state refused and port 443'
  sockeye flows -r FILE --where 'rtt>100ms or resent>0' --format csv
  sockeye handshakes FILE --where 'not outcome established'
  sockeye packets -r FILE --where 'state reset' -w reset.pcapng
  sudo sockeye capture -i eth0 -w slow.pcapng --where 'rtt>100ms'

COMPARISONS

  FIELD VALUE, FIELD = VALUE      equal; several values: port 80,443
  !=  <  <=  >  >=                unequal; less or more, of numbers and times
  ~  !~                           a regular expression is found or not, in words
                                  and addresses; (?i) before it: whatever case
  FIELD                           it is known; of yes and no: yes
Joined by and (&&), or (||), not (!) and ( ). \"and\" binds before \"or\".
What is not known is neither equal nor unequal, less nor more.

FIELDS

Every field of flow records (sockeye help json), as in  handshake.syn_retries>1.
A field of a side without orig. or resp. is of both: counts are added up, of all
else one side is enough (of != and !~ both must differ).
  state       refused, no_answer, reset, closed, ... (sockeye help states)
  host        either address: host 10.0.0.0/8; client, server: one of them
  port        either port: port 80, port 8000-8100; resp.port: the server's
  tcp udp icmp icmp6 sctp         the protocol, by itself; proto 47
  rtt         the round trip that tables show      duration  from first to last
  bytes       data of both, repeats not counted; out, in: the client's, the
              server's                             packets, wire_bytes: of both
  resent      segments sent again, of both       retries   SYNs beyond the first
  outcome     of the attempt to connect            id        id c3,c5
  app         what speaks: app tls; sni, alpn, ja3, ja4: what TLS says; user: of
              a login                              name      by DNS: name ~ shop
client. and server. stand for orig. and resp.: client.packets>10.
  finding     takes part in any finding; finding=port_scan,refused: in one of
              these (sockeye help findings), also ~ != !~; severity>=medium (or
              sev): in one as grave. All conversations of a finding, not only
              those it cites; which they are is known at the end, so a saved
              file is read twice, and an interface or a pipe is refused

VALUES

  numbers 443, 8000-8100, 5k packets, 1.5MB, 64KiB     times 100ms, 2s, 5min, 1h
  moments 2026-11-20T21:11:20Z, \"2026-11-20 21:11\" (UTC), 21:11:20 on any day
  addresses 192.0.2.1, 10.0.0.0/8, 2001:db8::/32      words in quotes where they
  have blanks; blanks, - and _ are the same, and so are capitals

PACKETS

Saved are whole connections: every packet from the first, ICMP errors that quote
them, all pieces of their datagrams. What holds is known when a conversation is
over, so a saved file is read twice, compressed or not: the second time its
chosen packets are copied as they are, in their order. That takes 4 bytes a
packet of --max-memory, and a bit where the conversation is over; where it does
not suffice, that is said and nothing is written. A file that changed between
the readings is an error.

An interface and a pipe (-r -) can be read once: with -w packets wait in a
quarter of what --max-memory leaves, until their conversation is over; nothing
else of packets can be had there. What host, port, id, tcp, udp and sctp alone
decide is written, or let go, at once. Written is in the order of arrival as
long as there is room; then wanted packets go before older undecided ones, and
when none waits, the oldest undecided are let go. Of one conversation at most
--keep-bytes-per-flow wait (a quarter of the room): its oldest go. -U does not
wait for order. A conversation of which packets were let go is saved from there
on; in pcapng a comment of its first packet says how many are missing, and at
the end it is said of how many conversations, in all formats. A conversation
that is open is over when the capture ends or it was silent for its time.
";

const STORIES: &str = "\
STORIES

show ID, explain ID and follow ID tell of one conversation: its ladder, its
story, its bytes. The first column of  sockeye FILE  has the IDs: c TCP, u UDP,
i ICMP, s SCTP, x others, counted among what the filter lets through.

Without an ID show and explain read a saved file twice, take the conversation
of which there is most to learn and say why: attempts to connect that failed
first, then resets, shut windows, losses, and short connections that are whole.

Every claim of a story has a mark:
  =  it stands in a packet
  ~  it follows from the rules: no program and no kernel could do otherwise
  ?  one of several: packets look alike, whatever call was behind them
explain --trace FILE settles the ? of one host with what strace saw there:
  strace -f -ttt -e trace=network,read,write,close -o FILE PROGRAM

CALLS AND PACKETS

  socket bind listen accept recv    send no packet
  connect()   TCP: SYN; returns when the SYN,ACK is there, before any accept()
              UDP: no packet; from then on errors are told
  send()      data; one call may be many packets, many calls one packet
  shutdown(SHUT_WR), close(), end of the program    FIN
  close() with bytes unread, or SO_LINGER 0         RST
  close() of a listening socket                     RST to who waits there
  ACKs, copies, probes, keep-alives are the kernel's: no call is behind them
  nobody listens     RST to the SYN: ECONNREFUSED; UDP: ICMP, and then the same
  backlog is full    Linux ignores the SYN: it is sent again, then ETIMEDOUT
  the peer's FIN     recv() returns 0          its RST    ECONNRESET, EPIPE

STATES OF TCP (RFC 9293 section 3.3.2), one for each host

  LISTEN        waits for a SYN            SYN-SENT      has sent its SYN
  SYN-RECEIVED  has answered one           ESTABLISHED   open
  FIN-WAIT-1    has sent its FIN first     FIN-WAIT-2    and it was acknowledged
  CLOSE-WAIT    the peer's FIN came; its own program has not closed yet
  LAST-ACK      has sent its FIN second    CLOSING       both FINs crossed
  TIME-WAIT     closed first; waits 2 MSL (Linux: 60 s) for stray packets
  CLOSED        no connection
An observer infers them: of the far host they hold when the packet arrives.

Numbers are relative: 0 is the SYN, 1 the first byte. SYN and FIN count as one.
";

/// Topics of `help`, with their texts.
fn topic_text(topic: &str) -> Option<String> {
    Some(match topic {
        "filters" | "filter" => sockeye::filter::HELP.to_owned(),
        "time" => TIME.to_owned(),
        "states" => STATES.to_owned(),
        "verdicts" | "verdict" => VERDICTS.to_owned(),
        "zeek" => ZEEK.to_owned(),
        "memory" | "evicted" => MEMORY.to_owned(),
        "threads" => THREADS.to_owned(),
        "recording" | "rotation" | "capture-files" => RECORDING.to_owned(),
        "privileges" | "privilege" | "rights" => PRIVILEGES.to_owned(),
        "findings" | "finding" => FINDINGS.to_owned(),
        "where" | "conditions" | "query" => WHERE.to_owned(),
        "stories" | "story" | "calls" | "sockets" | "tcp-states" => STORIES.to_owned(),
        "parts" | "index" => PARTS.to_owned(),
        "exit" | "exit-codes" => EXIT.to_owned(),
        "json" | "jsonl" | "records" => JSON.trim_start().to_owned(),
        "schema" | "json-schema" => sockeye::output::schema::json_schema(),
        "linktypes" | "link-types" => link_types(),
        _ => return None,
    })
}

/// All topics, as help lists them.
const TOPICS: [&str; 17] = [
    "filters",
    "time",
    "states",
    "verdicts",
    "stories",
    "where",
    "findings",
    "zeek",
    "memory",
    "threads",
    "recording",
    "parts",
    "privileges",
    "json",
    "schema",
    "linktypes",
    "exit",
];

const ZEEK: &str = "\
ZEEK'S WORDS

flows --format zeek writes Zeek's conn.log; records have conn_state and history.

conn_state, of TCP:
  S0      a SYN, no answer               REJ     the SYN was refused
  S1      established, not closed        SF      established, closed by both
  S2      only the originator sent FIN   S3      only the responder sent FIN
  RSTO    reset by the originator        RSTR    reset by the responder
  RSTOS0  SYN, then RST by the originator, no SYN-ACK seen
  RSTRH   SYN-ACK, then RST by the responder, no SYN seen
  SH      SYN, then FIN by the originator, no SYN-ACK seen
  SHR     SYN-ACK, then FIN by the responder, no SYN seen
  OTH     none of these: mostly it started before the capture
Of UDP: S0 the originator only, SHR the responder only, SF both; of others OTH.

history: a letter for each kind of packet when it first comes, in capitals from
the originator, small from the responder:
  s  SYN without ACK    h  SYN-ACK            a  ACK alone        d  data
  f  FIN                r  RST                c  wrong checksum   g  data missed
  t  sent again         w  window 0           i  FIN and RST
  q  SYN with FIN or RST
  ^  the sides were swapped: the first packet seen was the responder's
c, g, t and w come again at the 10th, 100th, ... time.

ROUND TRIPS of a connection are in records of flows: rtt is the handshake;
orig.rtt and resp.rtt count the round trips of data from the capture to the
other side and back, with least, mean, most (sockeye flows --format jsonl;
every key: docs/formats.md).
";

/// What `help` explains, in a line.
pub(crate) fn topics() -> String {
    format!("Explain a topic: {}", TOPICS.join(", "))
}

fn link_types() -> String {
    let mut text = String::from(
        "LINK TYPES that sockeye decodes\n--link-type takes the number, the name, or ethernet, raw, sll, sll2, null\n\n",
    );
    for link in LinkType::decoded() {
        let _ = writeln!(text, "  {:>3}  {:<17} {link}", link.0, link.name().unwrap_or_default());
    }
    text
}

/// `sockeye help [TOPIC]`.
pub(crate) fn help(topic: Option<&str>) -> Result<(), Problem> {
    let mut line = Line::command();
    let text = match topic {
        None => format!("{}\nTopics:  sockeye help {}\n", line.render_long_help(), TOPICS.join(" | ")),
        Some(word) => match topic_text(word) {
            Some(text) => text,
            None => command_help(&mut line, word)?,
        },
    };
    print(&text)
}

fn command_help(line: &mut clap::Command, word: &str) -> Result<String, Problem> {
    line.build();
    if let Some(command) = line.find_subcommand_mut(word) {
        return Ok(command.render_long_help().to_string());
    }
    let commands = line.get_subcommands().map(|c| c.get_name().to_owned());
    let near = super::words::nearest(word, TOPICS.iter().map(|t| (*t).to_owned()).chain(commands))
        .map_or_else(String::new, |known| format!("; did you mean {known}?"));
    Err(Problem::usage(format!("no help on \"{}\"{near}", super::errors::shown(word)))
        .help(format!("topics: {}; or the name of a command", TOPICS.join(", "))))
}

/// `sockeye man`. The topics tell their titles themselves, in their first lines.
pub(crate) fn man() -> Result<(), Problem> {
    let texts: Vec<String> = [
        "filters",
        "time",
        "states",
        "verdicts",
        "zeek",
        "memory",
        "threads",
        "recording",
        "parts",
        "privileges",
        "json",
        "exit",
    ]
    .iter()
    .filter_map(|topic| topic_text(topic))
    .collect();
    let titled = texts.iter().filter_map(|text| text.trim_start().split_once('\n'));
    let topics: Vec<(&str, String)> = titled.map(|(title, text)| (title, text.trim_start_matches('\n').to_owned())).collect();
    print(&manual_page::page(Line::command(), &topics))
}

/// `sockeye completions SHELL`.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Line::command(), "sockeye", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Text to standard output; a closed one ends the program as SIGPIPE would.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(super::broken_output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye::flow::Evidence;

    #[test]
    fn help_names_every_reason_of_a_verdict_as_lines_do() {
        let missing: Vec<_> = Evidence(u32::MAX).words().filter(|words| !VERDICTS.contains(words)).collect();
        assert_eq!(missing, [] as [&str; 0]);
        assert!(Evidence(u32::MAX).words().count() > 20);
    }

    #[test]
    fn topics_fit_a_terminal() {
        for topic in [
            "time",
            "states",
            "verdicts",
            "stories",
            "where",
            "findings",
            "zeek",
            "memory",
            "threads",
            "recording",
            "parts",
            "privileges",
            "json",
            "exit",
        ] {
            for line in topic_text(topic).unwrap_or_default().lines() {
                assert!(line.chars().count() <= 80, "{topic}: {line}");
            }
        }
    }
}
