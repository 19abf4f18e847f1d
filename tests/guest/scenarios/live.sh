# A volume with a mounted file system that is written to while it is diffed.
#@ also on: debian-13
#@ quick
source /run/guest/lib.sh

# write_files FOLDER: writes and removes files for ever.
write_files() {
	local i
	for ((i = 0; ; i++)); do
		echo "$i" > "$1/file$((i % 50))"
		head -c 100000 /dev/zero | tr '\0' x > "$1/large$((i % 7))"
		[ $((i % 3)) != 0 ] || rm -f "$1/large$((i % 7))"
		sync -f "$1"
	done
}

# volumes VG: all of them, LVM's own and hidden ones included.
volumes() {
	lvs -a --noheadings -o lv_full_name "$1" | tr -d ' ' | sort
}

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n vol
run lvcreate -T vg1/pool0 -V 64M -n base
run lvcreate -s -n base vg0/vol
run mkfs.ext4 -q /dev/vg0/vol

say "not mounted: there is nothing to warn of"
run 'lvdiff -q vg0/base vg0/vol > quiet.diff'
expect_equal "$OUTPUT" "" "what was said"

mkdir /tmp/mnt /tmp/copy
run mount /dev/vg0/vol /tmp/mnt
run 'head -c 5000000 /dev/urandom > /tmp/mnt/before; sync'
kept=$(sha256sum < /tmp/mnt/before)
write_files /tmp/mnt &
writer=$!
sleep 0.3

say "without --snapshot: a warning that names it, with -q too"
run 'lvdiff vg0/base vg0/vol > live.diff'
expect_text "warning: vg0/vol is in use"
expect_text "--snapshot"
run 'lvdiff -q vg0/base vg0/vol > live.diff'
expect_text "--snapshot"
# It may be inconsistent, but it is a sound stream.
run 'lvpatch --verify < live.diff'

say "with it: a file system that is whole"
before=$(volumes vg0)
for round in 1 2 3; do
	# Not yet on the disk when lvdiff begins: LVM freezes the file system for its snapshot.
	echo "written in round $round" > "/tmp/mnt/late$round"
	run "lvdiff --snapshot vg0/base vg0/vol > snapshot$round.diff"
	[[ $OUTPUT != *warning* ]] || fail "a warning, although there is a snapshot"
	expect_equal "$(volumes vg0)" "$before" "the volumes afterwards"
	no_leftovers
done
kill -0 "$writer" || fail "nothing was written meanwhile"
kill "$writer"
wait "$writer" || true

run 'lvpatch --info < snapshot3.diff | grep -v "^Base digest"'
expect_text "vol, "
expect_text "$(field vg0/vol lv_uuid)"
for round in 1 2 3; do
	run "lvpatch -g vg1 -l base vol$round < snapshot$round.diff"
	run e2fsck -fn "/dev/vg1/vol$round"
	run mount -o ro "/dev/vg1/vol$round" /tmp/copy
	expect_equal "$(sha256sum < /tmp/copy/before)" "$kept" "a file of before"
	expect_equal "$(cat "/tmp/copy/late$round")" "written in round $round" "a file of just before"
	[ ! -e "/tmp/copy/late$((round + 1))" ] || fail "a file of afterwards is in the snapshot"
	run umount /tmp/copy
done

say "mounted read-only: nobody writes, so there is no warning"
run mount -o remount,ro /tmp/mnt
run 'lvdiff -q vg0/base vg0/vol > quiet.diff'
expect_equal "$OUTPUT" "" "what was said"
run 'lvpatch -q -g vg1 -l base vol4 < quiet.diff'
expect_equal "$OUTPUT" "" "what was said"
expect_same /dev/vg0/vol /dev/vg1/vol4
run umount /tmp/mnt

say "written to by somebody who does not hold it open: the volume draws a warning, the base ends it"
run lvcreate -T vg0/pool0 -V 64M -n raw
fill /dev/vg0/raw 0 4096
run lvcreate -s -kn -n raw0 vg0/raw
fill /dev/vg0/raw 0 20480 new
start_diff vg0/raw0 vg0/raw
fill /dev/vg0/raw 40960 64 meanwhile
go_on
ended 30
expect_equal "$STATUS" 0 "the exit status"
expect_text "vg0/raw was written to while it was read"
start_diff vg0/raw0 vg0/raw
fill /dev/vg0/raw0 40960 64 meanwhile
go_on
ended 30
expect_equal "$STATUS" 1 "the exit status"
expect_text "vg0/raw0 was written to while it was read"
# A flush is no write: another run that begins asks for one.
start_diff vg0/raw0 vg0/raw
run 'lvdiff vg0/raw0 vg0/raw > /tmp/other'
go_on
ended 30
expect_equal "$STATUS" 0 "the exit status"
[[ $OUTPUT != *"was written to"* ]] || fail "a flush counts as a write"
stop_other_end
run lvremove -q -y vg0/raw0 vg0/raw

say "a base that is in use: lvpatch warns"
run mount /dev/vg1/vol4 /tmp/copy
run lvcreate -s -kn -n vol4 vg0/vol
fill /dev/vg0/vol 32768 1024
run 'lvdiff -q vg0/vol4 vg0/vol > next.diff'
run 'lvpatch -q --no-base-check -g vg1 -l vol4 vol5 < next.diff'
expect_text "warning: vg1/vol4 is in use"
run umount /tmp/copy
run 'lvdiff --snapshot -q vg0/vol4 vg0/vol > next.diff'
expect_equal "$OUTPUT" "" "what was said"
no_leftovers
