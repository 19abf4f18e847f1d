# SIGTERM, SIGINT and SIGHUP, a reader that goes away: both programs end soon, and leave nothing.
#@ also on: debian-13
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 32M -n vol0
fill /dev/vg0/vol0 0 8192 base
run lvcreate -T vg1/pool0 -V 32M -n sp0
copy_volume /dev/vg0/vol0 /dev/vg1/sp0
run lvcreate -s -n sp0 vg0/vol0
fill /dev/vg0/vol0 4096 24576 new
run 'lvdiff vg0/sp0 vol0 > /tmp/stream'
run 'lvdiff -d 3 vg0/sp0 vol0 > /tmp/level3'
run lvchange -an vg1/sp0

# killed SIGNAL [SECONDS]: sends it to $PID; it fails because of it, and all is as before.
killed() {
	echo "(kill -$1)"
	kill "-$1" "$PID"
	ended "${2:-5}"
	[ "$STATUS" != 0 ] || fail "it succeeded"
	expect_text "interrupted"
	unchanged
}

remember

say "lvdiff, in the middle of the stream"
for signal in TERM INT HUP; do
	start_diff vg0/sp0 vol0
	expect_equal "$(field vg0/sp0 lv_active)" active "the base meanwhile"
	killed $signal
done

say "lvdiff, which has written its last and waits for the reader"
# 4 MiB: less than it writes ahead, more than the pipe holds.
run lvcreate -s -kn -n vol1 vg0/sp0
fill /dev/vg0/vol1 4096 4096 other
remember
start_diff vg0/sp0 vol1
sleep 0.5
killed TERM

say "lvdiff --snapshot"
start_diff --snapshot vg0/sp0 vol0
temporary_volume vg0 || fail "no temporary snapshot"
killed TERM

say "lvpatch, in the middle of the stream, of its header, and at its end"
for signal in TERM INT HUP; do
	start_patch /tmp/stream 12000000 -g vg1 -l sp0
	wait_until temporary_volume vg1
	sleep 0.2
	killed $signal
done
start_patch /tmp/stream 50 -g vg1 -l sp0
sleep 0.2
killed TERM
start_patch /tmp/stream "$(stat -c %s /tmp/stream)" -g vg1 -l sp0
wait_until temporary_volume vg1
sleep 1
killed INT

say "the same, while the metadata is read"
# Active from here on: LVM gives slow devices their own tables back when it activates something.
run lvchange -ay -K vg0/sp0
run lvchange -ay -K vg1/sp0
slow vg0-pool0_tmeta 400
slow vg1-pool0_tmeta 400
remember
for signal in TERM INT HUP; do
	unignored lvdiff vg0/sp0 vol0 > /dev/null 2> /tmp/.said &
	PID=$!
	wait_until held vg0/pool0
	killed $signal
	unignored lvpatch -g vg1 -l sp0 < /tmp/level3 2> /tmp/.said &
	PID=$!
	wait_until held vg1/pool0
	killed $signal
done
quick vg0-pool0_tmeta
quick vg1-pool0_tmeta

say "lvdiff -o, while data is read: neither FILE nor a part of it"
slow vg0-pool0_tdata 300
mkdir /tmp/folder
remember
unignored lvdiff -o /tmp/folder/diff vg0/sp0 vol0 2> /tmp/.said &
PID=$!
wait_until writes_into /tmp/folder
killed TERM
expect_equal "$(ls -A /tmp/folder)" "" "the folder"
quick vg0-pool0_tdata
run lvchange -an vg0/sp0
run lvchange -an vg1/sp0

say "while they wait for another run"
remember
flock /run/lock/lvdiff.vg0-pool0-tpool.lock sleep 1000 &
holder=$!
wait_until [ -e /run/lock/lvdiff.vg0-pool0-tpool.lock ]
unignored lvdiff vg0/sp0 vol0 > /dev/null 2> /tmp/.said &
PID=$!
wait_until grep -q "waiting for another run" /tmp/.said
kill -TERM "$PID"
ended 5
[ "$STATUS" != 0 ] || fail "it succeeded"
expect_text "interrupted while waiting"
kill "$holder"
rm /run/lock/lvdiff.vg0-pool0-tpool.lock
unchanged

say "the reader goes away"
remember
for bytes in 0 1 1000 2000000; do
	expect_exit 0 "lvdiff vg0/sp0 vol0 2> /tmp/.said | head -c $bytes | wc -c; echo \${PIPESTATUS[0]} > /tmp/status"
	expect_text "$bytes"
	cat /tmp/.said
	[ "$(< /tmp/status)" = 1 ] || fail "exit status $(< /tmp/status)"
	unchanged
done

say "what was interrupted succeeds the next time"
run 'lvdiff vg0/sp0 vol0 | lvpatch -g vg1 -l sp0'
expect_equal "$(sum /dev/vg1/vol0)" "$(sum /dev/vg0/vol0)" "the new volume"
start_patch /tmp/stream 12000000 -g vg1 -l sp0 another
go_on
ended 20
expect_equal "$STATUS" 0 "the status"
expect_equal "$(sum /dev/vg1/another)" "$(sum /dev/vg0/vol0)" "the new volume"
stop_other_end
no_leftovers
