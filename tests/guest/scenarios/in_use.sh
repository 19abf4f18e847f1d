# What loop devices have open, and what is read-only, is not written to, and nothing comes of it.
source /run/guest/lib.sh

make_twins 32
run lvchange -ay -K vg0/sp0
run 'lvdiff -d 3 vg0/sp0 vg0/vol0 > change.diff'
run 'lvdiff -d 3 vg0/vol0 vg0/sp0 > back.diff'
base=$(sum /dev/vg0/sp0)
target=$(sum /dev/vg0/vol0)
mkdir images
content /dev/vg0/sp0 > images/base.img

# refused_on TARGET FILE TEXT: it is refused with this text, by --check too, FILE is as it was, and no
# undo is left.
refused_on() {
	local before
	before=$(sum "$2")
	expect_exit 1 "lvpatch --device $1 --backup undo.diff < change.diff"
	expect_text "$3"
	[[ $OUTPUT != *"partly changed"* ]] || fail "nothing was written"
	[ ! -e undo.diff ] || fail "an undo of nothing is left"
	expect_exit 1 "lvpatch --check --device $1 < change.diff"
	expect_text "$3"
	expect_equal "$(sum "$2")" "$before" "$2"
}

say "an image that a loop device has open, under whatever name"
run cp images/base.img images/a.img
lower=$(losetup -f --show images/a.img)
refused_on images/a.img images/a.img "$lower has it open"
run ln images/a.img images/hard.img
refused_on images/hard.img images/a.img "$lower has it open"
run mv images/a.img images/moved.img
refused_on images/moved.img images/hard.img "$lower has it open"
run losetup -d "$lower"

say "one that was attached in another mount namespace"
run mkdir elsewhere
unshare -m bash -c 'mount -t tmpfs none elsewhere && cp images/base.img elsewhere/b.img &&
	losetup -f --show elsewhere/b.img > loop && ln -s /proc/self/cwd here && sleep 1000' &
other=$!
wait_until [ -s loop ]
refused_on "/proc/$other/root$PWD/elsewhere/b.img" "/proc/$other/root$PWD/elsewhere/b.img" \
	"$(cat loop) has it open"
run losetup -d "$(cat loop)"
kill "$other"

say "a loop device below another one, and one that shares its file"
lower=$(losetup -f --show images/moved.img)
upper=$(losetup -f --show "$lower")
refused_on "$lower" images/moved.img "$upper has it open"
refused_on images/moved.img images/moved.img "has it open"
run losetup -d "$upper"
twin=$(losetup -f --show images/moved.img)
refused_on "$lower" images/moved.img "$twin has it open"
run losetup -d "$twin"
# A loop device on what is mounted.
run mkdir mnt
run mkfs.ext4 -q /dev/vg1/sp0
run mount /dev/vg1/sp0 mnt
upper=$(losetup -f --show /dev/vg1/sp0)
refused_on "$upper" /dev/vg1/sp0 "is mounted or in use"
run umount mnt
run losetup -d "$upper"

say "what is left alone is written, and its file is locked meanwhile"
start_patch change.diff $(($(stat -c %s change.diff) - 100)) --device "$lower"
is_locked() {
	! lvpatch -q --check --no-base-check --device images/moved.img < change.diff
}
wait_until is_locked
refused_on images/moved.img /dev/null "has it open"
go_on
ended 20
expect_equal "$STATUS" 0 "the exit status"
expect_equal "$(sum "$lower")" "$target" "the loop device"
run losetup -d "$lower"

say "volumes of a group on a loop device are written at once; its file is kept from others"
run truncate -s 128M images/disk.img
disk=$(losetup -f --show images/disk.img)
run vgcreate -q -y vg2 "$disk"
for volume in a b; do
	run lvcreate -q -y -L 32M -n "$volume" vg2
	write_at "/dev/vg2/$volume" 0 32768 < images/base.img
done
start_patch change.diff $(($(stat -c %s change.diff) - 100)) --device /dev/vg2/a
inode=$(stat -c %i images/disk.img)
is_held() {
	grep -q "FLOCK .*:$inode " /proc/locks
}
wait_until is_held
run 'lvpatch -q --device /dev/vg2/b < change.diff'
expect_exit 1 'flock -n images/disk.img true'
if command -v qemu-io > /dev/null; then
	expect_exit 1 'qemu-io -f raw -r -c "read 0 512" images/disk.img'
	expect_text "lock"
fi
go_on
ended 20
expect_equal "$STATUS" 0 "the exit status"
for volume in a b; do
	expect_equal "$(sum "/dev/vg2/$volume")" "$target" "vg2/$volume"
done
exec 9< images/disk.img
flock 9
expect_exit 1 'lvpatch --device /dev/vg2/a < back.diff'
expect_text "images/disk.img, below it"
exec 9<&-
run vgremove -q -y -f vg2
run losetup -d "$disk"

say "read-only: a loop device, a volume, a file system, a file that nobody may change"
read_only=$(losetup -r -f --show images/base.img)
refused_on "$read_only" images/base.img "is read-only"
run losetup -d "$read_only"
content /dev/vg0/sp0 > /tmp/sp0
run lvremove -y vg1/sp0
run 'lvdiff vg0/sp0 | lvpatch -g vg1 -p pool0'
run lvchange -pr vg1/sp0
tags=$(field vg1/sp0 lv_tags)
[ -n "$tags" ] || fail "a copy has tags"
refused_on /dev/vg1/sp0 /dev/vg1/sp0 "is read-only"
remember /dev/vg1/sp0
refused 1 'lvpatch --in-place -g vg1 -l sp0 --backup undo.diff < change.diff'
expect_text "lvchange -prw vg1/sp0"
refused 1 'lvpatch --check --in-place -g vg1 -l sp0 < change.diff'
[ ! -e undo.diff ] || fail "an undo of nothing is left"
expect_equal "$(field vg1/sp0 lv_tags)" "$tags" "the tags"
# It is a base like any other.
run 'lvpatch -g vg1 -l sp0 new < change.diff'
run lvchange -ay -K vg1/new
expect_same /dev/vg1/new /dev/vg0/vol0
run lvchange -prw vg1/sp0
run blockdev --setro /dev/vg1/sp0
refused_on /dev/vg1/sp0 /dev/vg1/sp0 "is read-only"
run blockdev --setrw /dev/vg1/sp0
run mkdir ro
run mount --bind images ro
run mount -o remount,bind,ro ro
refused_on ro/base.img images/base.img "is read-only"
run umount ro
run lvcreate -y -L 64M -n plain vg1
run mkfs.ext4 -q /dev/vg1/plain
run mount /dev/vg1/plain mnt
run cp images/base.img mnt
run chattr +i mnt/base.img
expect_exit 1 'lvpatch --device mnt/base.img --backup undo.diff < change.diff'
expect_text "is not writable"
run chattr -i mnt/base.img
run 'lvpatch --device mnt/base.img < change.diff'
expect_equal "$(sum mnt/base.img)" "$target" "the image"
run umount mnt
no_leftovers vg0/sp0 vg1/new
