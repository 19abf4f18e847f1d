# Classic snapshots that get lost while they are read, or whose store is in the kernel's memory only.
source /run/guest/lib.sh

make_vgs
run lvcreate -y -n lv -L 96M vg0

is_invalid() {
	[[ $(dmsetup status vg0-snap) == *Invalid* ]]
}

# More than lvdiff reads ahead, so that it is in the middle while its reader stops.
for options in "-d 0" "-d 2" "-d 3" "--granularity 512" "-R" "-d 0 --granularity 512 -R"; do
	say "the COW device overflows in the middle of lvdiff $options"
	run lvcreate -q -y -s -n snap -L 48M vg0/lv
	fill /dev/vg0/lv 0 40960 "changed $options"
	start_diff $options vg0/snap
	fill /dev/vg0/lv 49152 16384 "too much $options"
	wait_until is_invalid
	go_on
	ended 60
	expect_equal "$STATUS" 1 "the exit status"
	expect_text "vg0/snap"
	expect_text "its status is Invalid"
	wait "$OTHER_END"
	stop_other_end
	expect_exit 4 'lvpatch --verify < /tmp/.taken'
	run lvremove -q -y vg0/snap
	no_leftovers
done

say "a file that is asked for is not made of it"
mkdir /tmp/out
run lvcreate -q -y -s -n snap -L 48M vg0/lv
fill /dev/vg0/lv 0 40960 "changed"
show "lvdiff -R --bwlimit 1M -o /tmp/out/lost vg0/snap"
unignored lvdiff -R --bwlimit 1M -o /tmp/out/lost vg0/snap 2> /tmp/.said &
PID=$!
wait_until writes_into /tmp/out
fill /dev/vg0/lv 49152 16384 "too much"
wait_until is_invalid
ended 60
expect_equal "$STATUS" 1 "the exit status"
expect_text "its status is Invalid"
expect_equal "$(ls -A /tmp/out)" "" "what is in the folder"
run lvremove -q -y vg0/snap

say "a transient store, which LVM does not make: in place of the snapshot, by hand"
run lvcreate -q -y -s -n snap -L 8M vg0/lv
fill /dev/vg0/lv 0 64 "changed"
run 'lvdiff --list vg0/snap'
table=$(dmsetup table vg0-snap)
uuid=$(dmsetup info -c --noheadings -o uuid vg0-snap)
run dmsetup remove vg0-snap
run dmsetup create vg0-snap -u "$uuid" --table "${table/ P* / N }"
[[ $(dmsetup table vg0-snap) == *" N "* ]] || fail "it is not transient"
fill /dev/vg0/lv 1024 64 "changed"
remember /dev/vg0/lv /dev/vg0/snap
for options in "" "-R" "--list" "-d 0"; do
	refused 1 "lvdiff $options vg0/snap > /tmp/no"
	expect_text "vg0/snap is a transient snapshot"
	[ ! -s /tmp/no ] || fail "a refused run wrote something"
done
run lvremove -q -y vg0/snap
no_leftovers
