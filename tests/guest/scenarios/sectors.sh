# Disks with sectors of 4096 bytes, and streams whose records begin and end anywhere between these.
source /run/guest/lib.sh

# write_sectors DEVICE FIRST COUNT SEED: so many sectors of 512 bytes, from FIRST on.
write_sectors() {
	{ yes "$4 $2 and some more text" || :; } |
		dd of="$1" bs=512 seek="$2" count="$3" iflag=fullblock conv=notrunc,fsync status=none
}

# zero_sectors DEVICE FIRST COUNT: zeros there.
zero_sectors() {
	dd if=/dev/zero of="$1" bs=512 seek="$2" count="$3" conv=notrunc,fsync status=none
}

# large_loop FILE SIZE: a loop device with sectors of 4096 bytes, on a new file; it is $LOOP.
large_loop() {
	run truncate -s "$2" "$1"
	LOOP=$(losetup --sector-size 4096 -f --show "$1")
	expect_equal "$(blockdev --getss "$LOOP")" 4096 "the sectors of $LOOP"
}

# starts_with DEVICE SIZE SUM: ends the scenario if the first SIZE bytes have another sum.
starts_with() {
	local start
	start=$(content "$1" | { head -c "$2" && cat > /dev/null; } | sha256sum | cut -d ' ' -f 1)
	expect_equal "$start" "$3" "$1"
}

# Extents of 1 KiB, so that a volume may end inside a sector.
run vgcreate -y -s 1k vg0 /dev/ubda
large_loop pv.img 256M
run vgcreate -y vg1 "$LOOP"
make_pool vg0 pool0 64k 128M
make_pool vg1 pool0 64k 128M
run lvcreate -T vg0/pool0 -V 8M -n vol
fill /dev/vg0/vol 0 8192 base
run lvcreate -s -kn -n a vg0/vol

# In one chunk every second sector, two that share one of 4096 bytes with a third; zeros, and long runs.
for ((sector = 1; sector < 64; sector += 2)); do
	write_sectors /dev/vg0/vol $sector 1 odd
done
write_sectors /dev/vg0/vol 263 3 across
write_sectors /dev/vg0/vol 1027 4500 long
zero_sectors /dev/vg0/vol 8193 1
zero_sectors /dev/vg0/vol 8195 700
zero_sectors /dev/vg0/vol 9001 2
discard /dev/vg0/vol 6144 256
write_sectors /dev/vg0/vol 12545 1 "in a hole"
run lvcreate -s -kn -n b vg0/vol
size=$(byte_size /dev/vg0/vol)
sum_a=$(sum /dev/vg0/a)
sum_b=$(sum /dev/vg0/b)
run 'lvdiff vg0/a > full.diff'
run 'lvdiff -d 3 --granularity 512 vg0/a vg0/b > ab.diff'
run 'lvdiff -d 2 --granularity 512 vg0/b vg0/a > ba.diff'

say "new volumes in a pool on such a disk"
run 'lvpatch -g vg1 -p pool0 < full.diff'
expect_equal "$(blockdev --getss /dev/vg1/a)" 4096 "the sectors of vg1/a"
expect_same /dev/vg0/a /dev/vg1/a
run 'lvpatch -g vg1 < ab.diff'
expect_same /dev/vg0/b /dev/vg1/b
run 'lvpatch -g vg1 -l b a2 < ba.diff'
expect_same /dev/vg0/a /dev/vg1/a2
expect_same /dev/vg0/b /dev/vg1/b

say "in a pool that does not zero its chunks"
make_pool vg1 raw 64k 64M -Zn
run 'lvpatch -g vg1 -p raw r < full.diff'
run 'lvpatch -g vg1 -l r r2 < ab.diff'
expect_same /dev/vg0/b /dev/vg1/r2

say "read from there, and back"
run 'lvdiff -d 3 --granularity 512 vg1/a2 vg1/b > there.diff'
run 'lvpatch -g vg0 -l a b2 < there.diff'
expect_same /dev/vg0/b /dev/vg0/b2

say "volumes themselves"
run lvcreate -y -L 8M -n plain vg1
content /dev/vg0/a | write_at /dev/vg1/plain 0 $((size / 1024))
for volume in plain a2; do
	run "lvpatch --in-place -g vg1 -l $volume --backup $volume.undo < ab.diff"
	expect_equal "$(sum "/dev/vg1/$volume")" "$sum_b" "$volume"
	run "lvpatch --in-place -g vg1 -l $volume --partial -i $volume.undo"
	expect_equal "$(sum "/dev/vg1/$volume")" "$sum_a" "$volume, brought back"
done

say "a disk itself, larger than the volume"
large_loop disk.img 16M
disk=$LOOP
content /dev/vg0/a | write_at "$disk" 0 $((size / 1024))
fill "$disk" $((size / 1024)) 8192 rest
rest=$(content "$disk" | tail -c 8M | sha256sum)
run "lvpatch --device $disk -i ab.diff -i ba.diff -i ab.diff"
starts_with "$disk" "$size" "$sum_b"
run "lvpatch --device $disk --backup disk.undo < ba.diff"
starts_with "$disk" "$size" "$sum_a"
run "lvpatch --device $disk --partial -i disk.undo"
starts_with "$disk" "$size" "$sum_b"
expect_equal "$(content "$disk" | tail -c 8M | sha256sum)" "$rest" "what lies behind the volume"

say "a volume that ends inside a sector, and grows inside another"
run lvcreate -T vg0/pool0 -V 8193k -n odd
fill /dev/vg0/odd 0 8193 odd
run lvcreate -s -kn -n odd0 vg0/odd
run lvextend -q -L 8203k vg0/odd
write_sectors /dev/vg0/odd 16382 3 "up to the sector before the old end"
run 'lvdiff vg0/odd0 > odd-full.diff'
run 'lvdiff -d 3 --granularity 512 vg0/odd0 vg0/odd > odd.diff'
run "lvpatch --no-base-check --device $disk < odd-full.diff"
starts_with "$disk" $((8193 * 1024)) "$(sum /dev/vg0/odd0)"
before=$(content "$disk" | tail -c +$((8203 * 1024 + 1)) | sha256sum)
run "lvpatch --device $disk < odd.diff"
starts_with "$disk" $((8203 * 1024)) "$(sum /dev/vg0/odd)"
expect_equal "$(content "$disk" | tail -c +$((8203 * 1024 + 1)) | sha256sum)" "$before" "what lies behind the volume"

say "offline, past the page cache, on a file system on such a disk"
large_loop fs.img 192M
run mkfs.ext4 -q "$LOOP"
mkdir /tmp/mnt
run mount "$LOOP" /tmp/mnt
odd_sum=$(sum /dev/vg0/odd)
base_id=$(field vg0/odd0 thin_id)
odd_id=$(field vg0/odd thin_id)
run vgchange -q -an vg0
run lvchange -q -y -ay vg0/pool0_tmeta
run lvchange -q -y -ay vg0/pool0_tdata
content "/dev/mapper/$(dm_name vg0 pool0_tmeta)" > /tmp/mnt/meta.img
run dd "if=/dev/mapper/$(dm_name vg0 pool0_tdata)" of=/tmp/mnt/data.img bs=1M iflag=direct conv=sparse status=none
offline="--metadata /tmp/mnt/meta.img --data /tmp/mnt/data.img --base-size 8193k --size 8203k"
run "lvdiff -d 3 --granularity 512 --direct $offline $base_id $odd_id > direct.diff"
run "lvdiff -d 3 --granularity 512 $offline $base_id $odd_id > cached.diff"
expect_equal "$(byte_size direct.diff)" "$(byte_size cached.diff)" "the size of the stream"
run "lvdiff --direct ${offline/--base-size 8193k /} $odd_id > odd-full.diff"
run 'lvpatch --device odd.img < odd-full.diff'
expect_equal "$(sum odd.img)" "$odd_sum" "the volume"
run umount /tmp/mnt
run lvchange -q -an vg0/pool0_tmeta vg0/pool0_tdata
run losetup -d "$LOOP"
run losetup -d "$disk"
check_pool vg1/pool0 vg1/raw
