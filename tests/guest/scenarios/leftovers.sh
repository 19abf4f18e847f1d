# After SIGKILL something is left behind. The next run knows it, says so, and clears it away; what
# belongs to a run that still goes on, or to somebody else, it leaves alone.
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 24M -n vol0
fill /dev/vg0/vol0 0 8192 base
run lvcreate -T vg1/pool0 -V 24M -n sp0
copy_volume /dev/vg0/vol0 /dev/vg1/sp0
run lvcreate -s -n sp0 vg0/vol0
fill /dev/vg0/vol0 4096 16384 new
run 'lvdiff vg0/sp0 vol0 > /tmp/stream'
run 'lvdiff -d 3 vg0/sp0 vol0 > /tmp/level3'
run lvchange -an vg1/sp0
expected=$(sum /dev/vg0/vol0)
remember
killed_run="by a run that was killed"
lock=/run/lock/lvdiff.vg0-pool0-tpool.lock

sigkill() {
	echo "(kill -KILL)"
	kill -KILL "$PID"
	ended 5
	stop_other_end
	expect_equal "$STATUS" 137 "the status"
	[ "$(footprint)" != "$FOOTPRINT" ] || fail "nothing was left behind to try this with"
}

# patched: vg1/vol0 is there and right; it is removed again, and all is as before.
patched() {
	expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
	run lvremove -y vg1/vol0
	unchanged
}

say "lvdiff in the middle of the stream: the base stays active until the next run"
start_diff vg0/sp0 vol0
sigkill
expect_equal "$(field vg0/sp0 lv_active)" active "the base"
run 'lvdiff vg0/sp0 vol0 > /dev/null'
unchanged

say "lvdiff --snapshot: the next lvdiff removes its snapshot"
start_diff --snapshot vg0/sp0 vol0
sigkill
temporary_volume vg0 || fail "no temporary snapshot"
run 'lvdiff vg0/sp0 vol0 > /dev/null'
expect_text "$killed_run"
unchanged

say "the next lvpatch removes it too"
start_diff --snapshot vg0/sp0 vol0
sigkill
run 'lvpatch vg0_vol1 -g vg0 -l sp0 < /tmp/stream'
expect_text "$killed_run"
run lvremove -y vg0/vg0_vol1
run 'lvdiff vg0/sp0 vol0 > /dev/null'
unchanged

say "lvpatch in the middle of the stream"
start_patch /tmp/stream 9000000 -g vg1 -l sp0
wait_until written_now vg1
sigkill
temporary_volume vg1 || fail "no temporary volume"
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "$killed_run"
patched

say "and the next one that writes in place"
start_patch /tmp/stream 9000000 -g vg1 -l sp0
wait_until written_now vg1
sigkill
run lvcreate -q -s -n copy vg1/sp0
run 'lvpatch --in-place -g vg1 -l copy < /tmp/stream'
expect_text "$killed_run"
run lvchange -ay -K vg1/copy
expect_equal "$(sum /dev/vg1/copy)" "$expected" "the volume itself"
run lvremove -q -y vg1/copy
unchanged

say "and if LVM knows the volume but the pool does not, as after a power cut in lvcreate"
start_patch /tmp/stream 9000000 -g vg1 -l sp0
wait_until written_now vg1
sigkill
name=$(lvs --noheadings -o lv_name vg1 | grep -o 'lvdiff_tmp_[0-9a-f]*')
id=$(field "vg1/$name" thin_id)
run lvchange -an "vg1/$name"
run dmsetup message vg1-pool0-tpool 0 "delete $id"
expect_exit 5 lvchange -ay "vg1/$name"
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "$killed_run"
patched

say "and after a reboot: no lock file, no active volume"
start_patch /tmp/stream 9000000 -g vg1 -l sp0
wait_until written_now vg1
sigkill
run 'rm /run/lock/lvdiff.*'
run vgchange -an vg1
run lvchange -ay vg1/pool0
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
expect_text "$killed_run"
expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
run lvremove -y vg1/vol0
no_leftovers
run vgchange -an vg1
run vgchange -ay vg1
run lvchange -an vg1/sp0
unchanged

say "lvdiff while it holds the metadata snapshot"
run lvchange -ay -K vg0/sp0
for next in 'lvdiff vg0/sp0 vol0 > /dev/null' 'lvpatch -g vg0 -l sp0 other < /tmp/level3'; do
	slow vg0-pool0_tmeta 300
	lvdiff vg0/sp0 vol0 > /dev/null 2> /tmp/.said &
	PID=$!
	wait_until held vg0/pool0
	# From the second it is held the lock file says where.
	wait_until grep -q "$(pool_status vg0/pool0 held)" "$lock"
	sigkill
	quick vg0-pool0_tmeta
	held vg0/pool0 || fail "no metadata snapshot"
	run cat "$lock"
	run "$next"
	expect_text "$killed_run"
	expect_equal "$(pool_status vg0/pool0 held)" - "the metadata snapshot"
	[ ! -e "$lock" ] || fail "$lock is still there"
done
run lvremove -y vg0/other

say "lvdiff killed before it could write down which block is held"
run dmsetup message vg0-pool0-tpool 0 reserve_metadata_snap
record="transaction $(pool_status vg0/pool0 transaction), boot $(cat /proc/sys/kernel/random/boot_id)"
run "echo 'reserving a metadata snapshot, $record' > $lock; chmod 600 $lock"
run 'lvdiff vg0/sp0 vol0 > /dev/null'
expect_text "$killed_run"
expect_equal "$(pool_status vg0/pool0 held)" - "the metadata snapshot"

say "killed after it was released, and while it waited: only the lock file is left"
run "echo 'metadata snapshot held at block 12345' > $lock; chmod 600 $lock"
run 'lvdiff vg0/sp0 vol0 > /dev/null'
run "touch $lock; chmod 600 $lock"
run 'lvdiff vg0/sp0 vol0 > /dev/null'
run lvchange -an vg0/sp0
unchanged

say "a volume of a run that goes on is left alone"
start_patch /tmp/stream 9000000 -g vg1 -l sp0 slow
wait_until temporary_volume vg1
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
[[ $OUTPUT != *"$killed_run"* ]] || fail "it takes the other's volume for a leftover"
temporary_volume vg1 || fail "the other's volume is gone"
kill -0 "$PID"
go_on
ended 20
expect_equal "$STATUS" 0 "the status of the first"
stop_other_end
for name in vol0 slow; do
	expect_equal "$(sum /dev/vg1/$name)" "$expected" "vg1/$name"
	run lvremove -y vg1/$name
done
unchanged

say "volumes of other people that look like ours, but for the tag or the name, are left alone"
run lvcreate -T vg1/pool0 -V 4M -n lvdiff_tmp_mine
run lvcreate -T vg1/pool0 -V 4M -n mine --addtag lvdiff_tmp
run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
[[ $OUTPUT != *"$killed_run"* ]] || fail "it takes them for leftovers"
run lvremove -y vg1/lvdiff_tmp_mine vg1/mine
patched
no_leftovers
