# A volume that only other runs of lvdiff read is not in use: nobody writes to it. Whoever else has it
# open may write, and is warned of.
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 24M -n vol0
fill /dev/vg0/vol0 0 4096 base
run lvcreate -s -n sp0 vg0/vol0
fill /dev/vg0/vol0 4096 20480 new
run lvcreate -s -n sp1 vg0/vol0
make_pool vg1 pool0 64k 256M
run 'lvdiff vg0/sp0 | lvpatch -g vg1 -p pool0'
run 'lvdiff vg0/sp0 vg0/sp1 > /tmp/stream'

# quiet COMMAND: it succeeds and warns of nothing.
quiet() {
	run "$1"
	[[ $OUTPUT != *warning* ]] || fail "it warns"
}

say "another run has made it active, and reads it"
start_diff vg0/sp0 vg0/sp1
quiet 'lvdiff vg0/sp0 vg0/sp1 > /tmp/second'
cmp <(mangle records < /tmp/second) <(mangle records < /tmp/stream) || fail "the streams differ"
quiet 'lvdiff --list vg0/sp0 vg0/sp1 > /tmp/list'
quiet 'lvdiff vg0/sp1 > /dev/null'

say "somebody else has it open as well"
exec 9<> /dev/vg0/sp1
run 'lvdiff vg0/sp0 vg0/sp1 9<&- > /dev/null'
expect_text "vg0/sp1 is in use"
exec 9>&-
quiet 'lvdiff vg0/sp0 vg0/sp1 > /dev/null'
go_on
ended 20
expect_equal "$STATUS" 0 "the first run"
[[ $OUTPUT != *warning* ]] || fail "the first run warns"

say "a volume that was active before, and is read twice"
start_diff vg0/vol0
quiet 'lvdiff vg0/sp0 vg0/vol0 > /dev/null'
run mkdir -p /tmp/mnt
run mkfs.ext4 -q /dev/vg0/vol0
run mount /dev/vg0/vol0 /tmp/mnt
run 'lvdiff vg0/sp0 vg0/vol0 > /dev/null'
expect_text "vg0/vol0 is in use"
run mount -o remount,ro /tmp/mnt
quiet 'lvdiff vg0/sp0 vg0/vol0 > /dev/null'
run umount /tmp/mnt
kill "$PID"
ended 20
stop_other_end

say "the base of an lvpatch"
start_diff -g vg1 sp0
quiet 'lvpatch -g vg1 -l sp0 < /tmp/stream'
go_on
ended 20
run lvchange -ay -K vg0/sp1
expect_equal "$(sum /dev/vg1/sp1)" "$(sum /dev/vg0/sp1)" "the new volume"
run lvchange -an vg0/sp1
no_leftovers
