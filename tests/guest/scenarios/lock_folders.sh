# Two runs that do not see each other's lock files, as in a container that has the host's LVM: neither
# takes the other's temporary volume away while that is in use, and what a killed one left still goes.
source /run/guest/lib.sh

make_twins 8
fill /dev/vg0/vol0 4096 4096 much
run 'lvdiff vg0/sp0 vol0 > /tmp/stream'
expected=$(sum /dev/vg0/vol0)
remember
killed_run="by a run that was killed"

# elsewhere COMMAND: a line of shell, whose /run/lock is another folder. LVM's own locks are the same:
# without them its commands would undo each other's changes.
mkdir -p /tmp/lock/lvm
mount --bind /run/lock/lvm /tmp/lock/lvm
elsewhere() {
	unshare --mount bash -c "mount --rbind /tmp/lock /run/lock && exec bash -o pipefail -c '$1'"
}

# right VG/LV: it has what the stream says, and is removed.
right() {
	expect_equal "$(sum "/dev/$1")" "$expected" "$1"
	run lvremove -q -y "$1"
}

say "lvpatch in the middle of the stream"
start_patch /tmp/stream 2500000 -g vg1 -l sp0
wait_until temporary_volume vg1
run elsewhere 'lvpatch -g vg1 -l sp0 other < /tmp/stream'
[[ $OUTPUT != *"$killed_run"* ]] || fail "it takes the other's volume for a leftover"
right vg1/other
temporary_volume vg1 || fail "the other's volume is gone"
go_on
ended 20
expect_equal "$STATUS" 0 "the status"
right vg1/vol0
stop_other_end
unchanged

say "at every moment, from before it makes the volume until it has its name"
for moment in 0.3 0.9; do
	lvpatch -g vg1 -l sp0 -i /tmp/stream 2> /tmp/.said &
	PID=$!
	sleep $moment
	run elsewhere 'lvpatch -g vg1 -l sp0 other < /tmp/stream'
	[[ $OUTPUT != *"$killed_run"* ]] || fail "it takes the other's volume for a leftover"
	ended 30
	expect_equal "$STATUS" 0 "the status"
	right vg1/other
	right vg1/vol0
done
unchanged

say "lvdiff --snapshot"
start_diff --snapshot vg0/sp0 vol0
run elsewhere 'lvdiff vg0/sp0 vol0 > /dev/null'
[[ $OUTPUT != *"$killed_run"* ]] || fail "it takes the other's volume for a leftover"
go_on
ended 20
expect_equal "$STATUS" 0 "the status"
wait "$OTHER_END"
run 'lvpatch -q --verify < /tmp/.taken'
stop_other_end
unchanged

say "one that was killed elsewhere: the next run removes it, here too"
start_patch /tmp/stream 2500000 -g vg1 -l sp0
wait_until temporary_volume vg1
sleep 0.3
kill -KILL "$PID"
ended 5
stop_other_end
mv /run/lock/lvdiff.vg1.* /tmp/lock/
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "$killed_run"
right vg1/vol0
run elsewhere 'lvpatch -g vg1 -l sp0 < /tmp/stream'
right vg1/vol0
expect_equal "$(ls /tmp/lock)" lvm "the folder elsewhere"
unchanged
