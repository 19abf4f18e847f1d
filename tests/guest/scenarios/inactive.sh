# Snapshots are inactive by default, and can be read-only: they are activated for the time of a
# run, and left as they were.
#@ also on: debian-13
source /run/guest/lib.sh

# expect_active VG/LV YES: whether the volume is active in LVM and has a device.
expect_active() {
	local active="" device=""
	[ "$(field "$1" lv_active)" = "" ] || active=yes
	dmsetup info -c --noheadings "$(dm_name "${1%%/*}" "${1#*/}")" > /dev/null 2>&1 && device=yes
	expect_equal "$active,$device" "$2,$2" "whether $1 is active"
}

# sum_of VG/LV: the sum of a volume that is inactive, and is so again.
sum_of() {
	lvchange -ay -K "$1"
	sum "/dev/$1"
	lvchange -an "$1"
}

make_vgs
make_pool vg0 pool0 64k 128M
make_pool vg1 pool0 64k 128M
run lvcreate -T vg0/pool0 -V 32M -n vol
fill /dev/vg0/vol 0 4096 a
run lvcreate -s -n a vg0/vol
fill /dev/vg0/vol 2048 4096 b
run lvcreate -s -pr -n b vg0/vol
fill /dev/vg0/vol 8192 1024 c
run lvcreate -s -n c vg0/vol
sum_a=$(sum_of vg0/a)
sum_b=$(sum_of vg0/b)
sum_c=$(sum_of vg0/c)

say "the same content on the other side, in a snapshot that is inactive"
run lvcreate -T vg1/pool0 -V 32M -n start
fill /dev/vg1/start 0 4096 a
run lvcreate -s -pr -n a vg1/start
expect_equal "$(sum_of vg1/a)" "$sum_a" "the base"

say "an inactive base, an inactive and read-only target"
run 'lvdiff -d 3 vg0/a vg0/b > ab.diff'
expect_active vg0/a ""
expect_active vg0/b ""
expect_equal "$(sum_of vg0/a)" "$sum_a" "the base afterwards"
expect_equal "$(sum_of vg0/b)" "$sum_b" "the target afterwards"

say "applied to an inactive, read-only base, whether all of it is read or nothing"
for level in "" --no-base-check; do
	run "lvpatch -g vg1 $level -l a b$level < ab.diff"
	expect_active vg1/a ""
	expect_equal "$(sum_of vg1/a)" "$sum_a" "the base afterwards"
	expect_equal "$(field vg1/a lv_permissions)" read-only "the base's permission"
	# The new volume is an ordinary one.
	expect_active "vg1/b$level" yes
	expect_equal "$(field "vg1/b$level" lv_permissions)" writeable "its permission"
	expect_equal "$(field "vg1/b$level" lv_skip_activation)" "" "its activation"
	expect_equal "$(sum "/dev/vg1/b$level")" "$sum_b" "the new volume"
done
no_leftovers

say "a read-only base, and an active target, which stays active"
run 'lvdiff vg0/b vg0/vol | lvpatch -g vg1 -l b c'
expect_active vg0/b ""
expect_active vg0/vol yes
expect_same /dev/vg0/vol /dev/vg1/c
expect_equal "$(sum_of vg0/b)" "$sum_b" "the base afterwards"

say "a base that was active stays active"
run lvchange -ay -K vg0/b
run 'lvdiff -q vg0/b vg0/c > bc.diff'
expect_active vg0/b yes
expect_active vg0/c ""
run lvchange -an vg0/b

say "a temporary snapshot of an inactive volume"
run 'lvdiff --snapshot vg0/b vg0/c | lvpatch -g vg1 -l b c.2'
expect_active vg0/b ""
expect_active vg0/c ""
expect_equal "$(sum /dev/vg1/c.2)" "$sum_c" "the new volume"
no_leftovers

say "volumes that are left inactive after an error, too"
run lvchange -an vg1/b
expect_exit 3 'lvpatch -g vg1 -l b wrong < ab.diff'
expect_active vg1/b ""
expect_exit 1 'lvdiff vg0/a vg0/b -o /none/x.diff'
expect_active vg0/a ""
expect_active vg0/b ""
expect_exit 7 'lvdiff vg0/a vg0/b > /dev/full'
expect_active vg0/a ""
no_leftovers

say "a whole group that is switched off"
run vgchange -q -an vg0
run vgchange -q -an vg1
expect_equal "$(dmsetup ls)" "No devices found" "the devices"
run 'lvdiff -d 3 vg0/a vg0/b > ab.diff'
expect_equal "$(dmsetup ls)" "No devices found" "the devices afterwards"
run 'lvpatch -g vg1 -l a from-inactive < ab.diff'
expect_active vg1/a ""
expect_equal "$(sum /dev/vg1/from-inactive)" "$sum_b" "the new volume"
expect_equal "$(sum_of vg1/a)" "$sum_a" "the base afterwards"
no_leftovers
