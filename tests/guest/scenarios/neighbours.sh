# What belongs to others stays theirs: activations, open leftovers, lock files, metadata snapshots,
# an lvm.conf of their own, signals that they ignore.
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 24M -n vol0
fill /dev/vg0/vol0 0 8192 base
run lvcreate -s -n sp0 vg0/vol0
fill /dev/vg0/vol0 4096 20480 new
run 'lvdiff vg0/sp0 vol0 > /tmp/stream'
active() { field vg0/sp0 lv_active; }

say "an administrator's activation after a killed run stays"
start_diff vg0/sp0 vol0
kill -KILL "$PID"
ended 5
stop_other_end
expect_equal "$(active)" active "the base"
run cat /run/lock/lvdiff.vg0-sp0.active.lock
run lvchange -an vg0/sp0
run lvchange -ay -K vg0/sp0
run 'lvdiff -v vg0/sp0 vol0 > /dev/null'
expect_text "stays active: it may not"
expect_equal "$(active)" active "the base"
[ ! -e /run/lock/lvdiff.vg0-sp0.active.lock ] || fail "the record stays"
run lvchange -an vg0/sp0

say "one that a killed run left goes"
start_diff vg0/sp0 vol0
kill -KILL "$PID"
ended 5
stop_other_end
run 'lvdiff vg0/sp0 vol0 > /dev/null'
expect_equal "$(active)" "" "the base"

say "somebody opens it meanwhile: a warning, and success"
start_diff vg0/sp0 vol0
sleep 1000 < /dev/vg0/sp0 &
holder=$!
go_on
ended 20
expect_equal "$STATUS" 0 "the status"
expect_text "lvchange -an vg0/sp0"
kill $holder
stop_other_end
expect_equal "$(active)" active "the base"
sleep 0.5
run lvchange -an vg0/sp0

say "a leftover that is open"
start_diff --snapshot vg0/sp0 vol0
kill -KILL "$PID"
ended 5
stop_other_end
tmp=$(lvs --noheadings -o lv_name vg0 | grep lvdiff_tmp | tr -d ' ')
sleep 1000 < "/dev/vg0/$tmp" &
holder=$!
run 'lvdiff vg0/sp0 vol0 > /dev/null'
expect_text "could not be removed"
kill "$holder"
sleep 0.5
run 'lvdiff vg0/sp0 vol0 > /dev/null'
no_leftovers

say "lvm.conf"
run lvchange -ay -K vg0/sp0
cp -r /etc/lvm /tmp/lvm
export LVM_SYSTEM_DIR=/tmp/lvm
printf 'report {\n compact_output=1\n list_item_separator=";"\n prefixes=1\n headings=0\n buffered=0\n columns_as_rows=1\n compact_output_cols="thin_id,chunk_size"\n}\nlog {\n report_command_log=1\n}\n' >> /tmp/lvm/lvm.conf
printf 'report {\n compact_output=1\n list_item_separator=";"\n}\n' > /tmp/lvm/lvmlocal.conf
run lvs --reportformat json -o lv_name,thin_id,lv_tags,chunk_size vg0
run 'lvdiff vg0/sp0 vol0 > /dev/null'
unset LVM_SYSTEM_DIR

say "another user's lock file"
run chmod 1777 /run/lock
echo 2 > /proc/sys/fs/protected_regular
touch /run/lock/lvdiff.vg0-pool0-tpool.lock
chown 65534 /run/lock/lvdiff.vg0-pool0-tpool.lock
expect_exit 1 'lvdiff vg0/sp0 vol0 > /tmp/out'
expect_text "was not created by lvdiff or lvpatch"
rm /run/lock/lvdiff.vg0-pool0-tpool.lock

say "the metadata snapshot is another's by now"
slow vg0-pool0_tmeta 300
lvdiff vg0/sp0 vol0 > /tmp/out 2> /tmp/.said &
PID=$!

wait_until held vg0/pool0
run dmsetup message vg0-pool0-tpool 0 release_metadata_snap
fill /dev/vg0/vol0 0 64 z
run dmsetup message vg0-pool0-tpool 0 reserve_metadata_snap
other=$(pool_status vg0/pool0 held)
ended 20
quick vg0-pool0_tmeta
expect_equal "$STATUS" 1 "the status"
expect_text "released by another program"
expect_equal "$(pool_status vg0/pool0 held)" "$other" "the other's"
run dmsetup message vg0-pool0-tpool 0 release_metadata_snap

say "an ignored SIGHUP, and one that is not"
for how in ignored caught; do
	slow vg0-pool0_tmeta 300
	[ $how = caught ] || trap '' HUP
	lvdiff vg0/sp0 vol0 > /tmp/out 2> /tmp/.said &
	PID=$!
	trap - HUP
	wait_until held vg0/pool0
	grep SigIgn "/proc/$PID/status"
	kill -HUP $PID
	ended 20
	quick vg0-pool0_tmeta
	[ $how = ignored ] && wanted=0 || wanted=1
	expect_equal "$STATUS" $wanted "the status"
done

say "a standard error that cannot be written"
expect_exit 2 'lvdiff vg0/none vol0 2> /dev/full'
expect_exit 2 'lvdiff vg0/none vol0 2>&-'
no_leftovers vg0/sp0
