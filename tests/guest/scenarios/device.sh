# lvpatch --device: a block device or an image is changed itself.
source /run/guest/lib.sh

make_twins 32
run lvchange -ay -K vg0/sp0
run 'lvdiff -d 3 vg0/sp0 vg0/vol0 > change.diff'
run 'lvdiff -d 3 vg0/vol0 vg0/sp0 > back.diff'
base=$(sum /dev/vg0/sp0)
target=$(sum /dev/vg0/vol0)
size=$(byte_size /dev/vg0/vol0)
content /dev/vg0/sp0 > base.img

run cp base.img loop.img
loop=$(losetup -f --show loop.img)
run lvcreate -y -L 32M -n plain vg1
content /dev/vg0/sp0 | write_at /dev/vg1/plain 0 $((size / 1024))
run cp base.img image.img
mapped=$(field vg1/sp0 data_percent)

say "to a thin volume, a plain one, a loop device and an image; from a file and from a pipe"
for device in /dev/vg1/sp0 /dev/vg1/plain "$loop" image.img; do
	expect_equal "$(sum "$device")" "$base" "$device before"
	run "lvpatch --device $device < change.diff"
	expect_equal "$(sum "$device")" "$target" "$device"
	expect_equal "$(byte_size "$device")" "$size" "the size of $device"
	# The base is no longer what is there.
	expect_exit 3 "lvpatch --device $device < change.diff"
	expect_equal "$(sum "$device")" "$target" "$device"
	run "cat back.diff | lvpatch --device $device"
	expect_equal "$(sum "$device")" "$base" "$device"
	run "cat change.diff | lvpatch -q --device $device"
	expect_text "is written in place without a backup"
	expect_equal "$(wc -l <<< "$OUTPUT")" 1 "the lines that were said"
	expect_equal "$(sum "$device")" "$target" "$device"
	run "lvpatch --device $device < back.diff"
	expect_equal "$(sum "$device")" "$base" "$device"
done
expect_equal "$(field vg1/sp0 data_percent)" "$mapped" "what is mapped, there and back"

say "a sparse image stays sparse where zeros meet a hole"
run truncate -s "$size" sparse.img
run 'lvpatch --no-base-check --device sparse.img < change.diff'
[ "$(stat -c %b sparse.img)" -lt 2048 ] || fail "the image has $(stat -c %b sparse.img) blocks"

say "a device that is larger than the volume"
run lvcreate -y -L 36M -n larger vg1
content /dev/vg0/sp0 | write_at /dev/vg1/larger 0 $((size / 1024))
fill /dev/vg1/larger $((size / 1024)) 4096 rest
rest=$(content /dev/vg1/larger | tail -c 4M | sha256sum)
run 'lvpatch --device /dev/vg1/larger < change.diff'
expect_equal "$(dd if=/dev/vg1/larger bs=1M count=32 iflag=direct status=none |
	sha256sum | cut -d ' ' -f 1)" "$target" "the volume's part"
expect_equal "$(content /dev/vg1/larger | tail -c 4M | sha256sum)" "$rest" "what lies past it"

say "sizes that do not fit"
run lvcreate -y -L 28M -n smaller vg1
expect_exit 3 'lvpatch --device /dev/vg1/smaller < change.diff'
run truncate -s $((size + 4096)) longer.img
expect_exit 3 'lvpatch --device longer.img < change.diff'

say "what is in use"
run mkfs.ext4 -q /dev/vg1/plain
mkdir /tmp/mnt
run mount /dev/vg1/plain /tmp/mnt
before=$(sum /dev/vg1/plain)
expect_exit 1 'lvpatch --no-base-check --device /dev/vg1/plain < change.diff'
expect_text "busy"
expect_equal "$(sum /dev/vg1/plain)" "$before" "a mounted device"
run umount /tmp/mnt

say "a stream that is cut: from a file, nothing is written"
half=$(($(stat -c %s change.diff) / 2))
run "head -c $half change.diff > cut.diff"
for device in /dev/vg1/sp0 "$loop" image.img; do
	before=$(sum "$device")
	expect_exit 4 "lvpatch --device $device < cut.diff"
	expect_equal "$(sum "$device")" "$before" "$device"
done
# Nor with bytes that are left over.
run '{ cat change.diff; echo x; } > double.diff'
expect_exit 4 'lvpatch --device image.img < double.diff'
expect_equal "$(sum image.img)" "$base" "the image"
# Nor with a stream that does not follow.
run 'cat change.diff change.diff > double.diff'
expect_exit 3 'lvpatch --device image.img < double.diff'
expect_equal "$(sum image.img)" "$base" "the image"
say "from a pipe, it is said that the device may be changed in part"
# Its trailer is not there, and everything before that is.
run 'head -c -100 change.diff > late.diff'
expect_exit 4 'cat late.diff | lvpatch --device image.img'
expect_text "image.img may be partly changed"

say "a chain: between its streams the device stays open, and others may look at it"
# written DEVICE: sectors were written to it since.
written() {
	[ "$(io_stat "$1" 7)" != "$BEFORE" ]
}
has_target() {
	[ "$(sum "$1")" = "$target" ]
}
run 'cat change.diff back.diff > chain.diff'
for device in /dev/vg1/sp0 "$loop"; do
	BEFORE=$(io_stat "$device" 7)
	start_patch chain.diff "$(stat -c %s change.diff)" --device "$device"
	wait_until written "$device"
	wait_until has_target "$device"
	# The first stream is all there, and the run waits for the second.
	exec 5< "$device"
	expect_exit 1 "lvpatch --device $device < back.diff"
	expect_text "busy"
	go_on
	ended 20
	expect_equal "$STATUS" 0 "the exit status"
	exec 5<&-
	expect_equal "$(sum "$device")" "$base" "$device"
done

say "what is no device"
expect_exit 1 'lvpatch --device none.img < change.diff'
expect_exit 1 'lvpatch --device /tmp < change.diff'
expect_exit 1 'lvpatch --device /dev/null < change.diff'
run mkfifo fifo
expect_exit 1 'lvpatch --device fifo < change.diff'
expect_exit 2 'lvpatch --device image.img -l sp0 < change.diff'
run losetup -d "$loop"
no_leftovers vg0/sp0
