# Whether somebody writes to a volume is told from what the kernel counts, and `queue/iostats` switches
# that off: Linux 6.1 counts all the same, 6.12 does not.
#@ also on: debian-13
source /run/guest/lib.sh

# flag DEVICE: the file that says whether the kernel counts what is written to it.
flag() {
	echo "/sys/dev/block/$(($(stat -L -c 0x%t "$1"))):$(($(stat -L -c 0x%T "$1")))/queue/iostats"
}

# count 0|1 DEVICE…: switches counting off or on.
count() {
	local on=$1 device
	shift
	for device; do
		echo "($device: iostats $on)"
		echo "$on" > "$(flag "$device")"
	done
}

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n v
fill /dev/vg0/v 0 20480
run lvcreate -s -kn -n s vg0/v
run lvcreate -T vg1/pool0 -V 64M -n s
copy_volume /dev/vg0/s /dev/vg1/s
fill /dev/vg0/v 0 20480 new

say "does this kernel obey the flag?"
count 0 /dev/vg0/v /dev/vg0/s /dev/vg1/s
before=$(io_stat /dev/vg0/v 7)
fill /dev/vg0/v 30000 4
obeyed=
[ "$(io_stat /dev/vg0/v 7)" != "$before" ] || obeyed=yes
echo "(Linux $(uname -r) ${obeyed:-does not})"

# refused_flag DEVICE COMMAND: refused, with the file that must be set, where the kernel obeys it; else it
# succeeds without a word.
refused_flag() {
	if [ -n "$obeyed" ]; then
		refused 1 "$2"
		expect_text "iostats"
		[ "$(realpath "$(flag "$1")")" = "$(realpath "$(grep -o '/sys/[^ `]*' <<< "$OUTPUT" | tail -n 1)")" ] ||
			fail "the message names another device's flag"
	else
		run "$2"
		expect_equal "$OUTPUT" "" "what was said"
	fi
}

say "what is written to the base could not be noticed: its data is not read"
remember
refused_flag /dev/vg0/s 'lvdiff -q vg0/s vg0/v > /tmp/diff'
refused_flag /dev/vg0/s 'lvdiff -q -d 0 --granularity 4K vg0/s vg0/v > /tmp/diff'
for level in 1 3; do
	refused_flag /dev/vg0/s "lvdiff -q -d $level vg0/s vg0/v > /tmp/diff"
done
count 1 /dev/vg0/v
refused_flag /dev/vg0/s 'lvdiff -q vg0/s vg0/v > /tmp/diff'

say "its data is not needed, or nobody can write to it, or it is counted again"
run 'lvdiff -q --list vg0/s vg0/v > /tmp/list'
expect_equal "$OUTPUT" "" "what was said"
run 'lvdiff -q -d 0 vg0/s vg0/v > /tmp/diff'
expect_equal "$OUTPUT" "" "what was said"
run lvchange -q -pr vg0/s
count 0 /dev/vg0/s
run 'lvdiff -q vg0/s vg0/v > /tmp/diff'
expect_equal "$OUTPUT" "" "what was said"
run lvchange -q -prw vg0/s
# A table that is loaded anew switches counting on again, on Linux 6.12.
run cat "$(flag /dev/vg0/s)"
count 0 /dev/vg0/s
refused_flag /dev/vg0/s 'lvdiff -q vg0/s vg0/v > /tmp/diff'
count 1 /dev/vg0/s
run 'lvdiff -q vg0/s vg0/v > /tmp/diff'
expect_equal "$OUTPUT" "" "what was said"

say "of the volume a warning is enough, and a temporary snapshot needs none"
count 0 /dev/vg0/v
run 'lvdiff -q vg0/s vg0/v > /tmp/diff'
[ -z "$obeyed" ] || expect_text "warning: it is unknown whether vg0/v was written to"
run 'lvdiff -q --snapshot vg0/s vg0/v > /tmp/diff'
expect_equal "$OUTPUT" "" "what was said"

say "switched off in the middle, for good or for a time"
count 1 /dev/vg0/v /dev/vg0/s
for again in 0 1; do
	start_diff -q vg0/s vg0/v
	count 0 /dev/vg0/s
	fill /dev/vg0/s 25000 64 "meanwhile $again"
	count "$again" /dev/vg0/s
	go_on
	ended 30
	expect_equal "$STATUS" 1 "the exit status"
	if [ -n "$obeyed" ]; then expect_text "iostats"; else expect_text "vg0/s was written to"; fi
	count 1 /dev/vg0/s
done
stop_other_end
no_leftovers

say "lvpatch: the base changes after the proof, and before its snapshot is made"
run lvremove -q -y vg0/s
run lvcreate -q -s -kn -n s vg0/v
fill /dev/vg0/v 40000 64
run dd if=/dev/vg0/s of=/dev/vg1/s bs=1M oflag=direct status=none
run 'lvdiff -q -d 3 vg0/s vg0/v > /tmp/diff'
mkdir /tmp/bin
cat > /tmp/bin/lvcreate <<-'WRITES'
	#!/bin/bash
	dd if=/dev/urandom of=/dev/vg1/s bs=4k seek=3000 count=1 oflag=direct conv=notrunc status=none
	exec /sbin/lvcreate "$@"
WRITES
chmod 755 /tmp/bin/lvcreate
for on in 0 1; do
	count "$on" /dev/vg1/s
	run dd if=/dev/vg0/s of=/dev/vg1/s bs=1M oflag=direct status=none
	expect_exit 3 'PATH=/tmp/bin:$PATH lvpatch -g vg1 -l s < /tmp/diff'
done
run dd if=/dev/vg0/s of=/dev/vg1/s bs=1M oflag=direct status=none
count 0 /dev/vg1/s
run 'lvpatch -q -g vg1 -l s new < /tmp/diff'
expect_same /dev/vg0/v /dev/vg1/new
no_leftovers

say "a classic snapshot and its origin"
run lvcreate -y -n lv -L 16M vg0
run lvcreate -y -s -n snap -L 24M -c 4k vg0/lv
fill /dev/vg0/lv 0 1024
count 0 /dev/vg0/lv /dev/vg0/snap
remember
refused_flag /dev/vg0/snap 'lvdiff -q vg0/snap > /tmp/diff'
refused_flag /dev/vg0/lv 'lvdiff -q -R vg0/snap > /tmp/diff'
count 1 /dev/vg0/lv /dev/vg0/snap
run 'lvdiff -q vg0/snap > /tmp/diff'
expect_equal "$OUTPUT" "" "what was said"
no_leftovers
