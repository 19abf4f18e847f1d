# What a stream can allocate is compared with what the pool has, before anything is written: discards
# that become written zeros, and volumes that are written themselves. And what LVM itself allows.
source /run/guest/lib.sh

run vgcreate -y -s 32k vg0 /dev/ubda
run vgcreate -y vg1 /dev/ubdb
make_pool vg0 pool0 64k 96M
make_pool vg1 pool0 64k 24M

# can_write VG/LV: somebody else's volume in the same pool.
can_write() {
	timeout 5 dd if=/dev/zero of="/dev/$1" bs=64K count=1 oflag=direct status=none ||
		fail "$1 cannot be written"
	run blkdiscard "/dev/$1"
}

say "what is unmapped would show an external origin: 448 chunks of zeros, and 384 are free"
run lvcreate -y -L 32M -n thick vg1
fill /dev/vg1/thick 0 32768 origin
run lvchange -q -an vg1/thick
run lvchange -q -pr vg1/thick
run lvcreate -q -s --thinpool pool0 -n ext vg1/thick
run lvchange -q -ay -K vg1/ext
run lvcreate -T vg1/pool0 -V 8M -n neighbour
run lvcreate -T vg0/pool0 -V 32M -n vol
fill /dev/vg0/vol 0 32768 origin
run lvcreate -s -n base vg0/vol
discard /dev/vg0/vol 4096 28672
run 'lvdiff -q vg0/base vg0/vol > holes.diff'
remember /dev/vg1/ext
for how in "" "--check" "--in-place" "--in-place --check"; do
	refused 7 "lvpatch $how -g vg1 -l ext < holes.diff"
	expect_text "384 free chunks"
	expect_text "the stream can allocate 448 (28.0 MiB)"
	expect_text "external origin"
done
refused 7 'lvpatch --device /dev/vg1/ext < holes.diff'
refused 7 'lvpatch --check --device /dev/vg1/ext < holes.diff'
can_write vg1/neighbour
run lvextend -q -L 28M vg1/pool0
run 'lvpatch -g vg1 -l ext holes < holes.diff'
expect_same /dev/vg0/vol /dev/vg1/holes
expect_equal "$(pool_status vg1/pool0 used_data)" 448/448 "chunks in use"
run lvremove -q -y vg1/holes vg1/ext vg1/neighbour
run lvremove -q -y vg1/thick vg0/vol vg0/base

say "extents that do not divide a volume's size: both ways out lead out"
make_pool vg0 odd 192k 40M
make_pool vg1 odd 192k 24M
run lvcreate -T vg0/odd -V 20352k -n few
for ((chunk = 0; chunk < 106; chunk += 2)); do
	fill /dev/vg0/few $((chunk * 192)) 192 few > /dev/null
done
run lvcreate -s -kn -n many vg0/few
for ((chunk = 1; chunk < 106; chunk += 2)); do
	fill /dev/vg0/many $((chunk * 192)) 192 many > /dev/null
done
run 'lvdiff -q vg0/many > many.full'
remember
refused 1 'lvpatch -g vg1 -p odd < many.full'
way=$(grep -o 'vgchange --physicalextentsize [0-9]*k vg1' <<< "$OUTPUT")
size=$(grep -o 'lvextend --size [0-9]*b' <<< "$OUTPUT")
run lvcreate -s -kn -n larger vg0/many
run "$size vg0/larger"
run 'lvdiff -q vg0/larger | lvpatch -q -g vg1 -p odd'
expect_same /dev/vg0/larger /dev/vg1/larger
run lvremove -q -y vg0/larger vg1/larger
run "$way"
run 'lvpatch -q -g vg1 -p odd < many.full'
expect_same /dev/vg0/many /dev/vg1/many

# Of single chunks that are discarded the kernel skips every other one. The source has them unmapped
# because nobody ever wrote to them.
say "chunks of 192 KiB: 53 discards, each of which may write one, and 22 are free"
run 'lvdiff -q -d 3 vg0/many vg0/few > few.diff'
expect_equal "$(pool_status vg1/odd used_data)" 106/128 "chunks in use"
remember /dev/vg1/many
refused 7 'lvpatch -g vg1 -l many few < few.diff'
expect_text "22 free chunks"
expect_text "the stream can allocate 53"
run lvextend -q -L +6M vg1/odd
run 'lvpatch -g vg1 -l many few < few.diff'
expect_same /dev/vg0/few /dev/vg1/few
run lvremove -q -y vg0/odd vg1/odd

say "a volume that is written itself takes nothing for the chunks that are its own"
make_pool vg1 small 64k 8M
run lvcreate -T vg1/small -V 4M -n neighbour
for vg in vg0/pool0 vg1/small; do
	run lvcreate -T "$vg" -V 6M -n vol
	fill "/dev/${vg%/*}/vol" 0 6144 own
done
run lvcreate -s -n base vg0/vol
fill /dev/vg0/vol 1024 3072 changed
run 'lvdiff -q -d 3 vg0/base vg0/vol > change.diff'
before=$(sum /dev/vg1/vol)
expect_equal "$(pool_status vg1/small used_data)" 96/128 "chunks in use"
for how in "--in-place -g vg1 -l vol" "--device /dev/vg1/vol"; do
	run "lvpatch --check $how < change.diff"
	run "lvpatch $how --backup undo -i change.diff"
	expect_same /dev/vg0/vol /dev/vg1/vol
	fill /dev/vg1/neighbour 0 2048
	expect_equal "$(pool_status vg1/small used_data)" 128/128 "chunks in use"
	run "lvpatch $how -i undo"
	expect_equal "$(sum /dev/vg1/vol)" "$before" "the volume"
	expect_equal "$(pool_status vg1/small used_data)" 128/128 "chunks in use"
	run blkdiscard /dev/vg1/neighbour
	run rm undo
done

say "a device does not grow"
run lvcreate -q -s -kn -n grown vg0/base
run lvextend -q -L 8M vg0/grown
run 'lvdiff -q vg0/base vg0/grown > grown.diff'
remember /dev/vg1/vol
for how in "" --check; do
	refused 7 "lvpatch $how --device /dev/vg1/vol < grown.diff"
	expect_text "/dev/vg1/vol has 6291456 bytes, and the stream's volume 8388608"
done
run lvremove -q -y vg0/grown

say "but for all that it shares with a snapshot: 48 chunks, and 32 are free"
run 'lvpatch --in-place -g vg1 -l vol --backup undo < change.diff'
run lvcreate -s -n snap vg1/vol
remember /dev/vg1/vol
refused 7 'lvpatch --in-place -g vg1 -l vol -i undo'
refused 7 'lvpatch --device /dev/vg1/vol -i undo'
expect_text "32 free chunks"
expect_text "the stream can allocate 48"
run 'lvdiff -q -d 3 vg0/vol vg0/base > back.diff'
for how in "--in-place -g vg1 -l vol" "--device /dev/vg1/vol"; do
	refused 7 "lvpatch --check $how < back.diff"
	refused 7 "lvpatch $how --backup other < back.diff"
done
# What lies on it, as a partition, dm-crypt, or a loop device does.
loop=$(losetup -P -f --show /dev/vg1/vol)
run addpart "$loop" 1 0 "$(blockdev --getsz "$loop")"
for device in "$loop" "${loop}p1"; do
	for how in "" --check; do
		expect_exit 7 "lvpatch $how --device $device < back.diff"
		expect_text "32 free chunks"
	done
done
run delpart "$loop" 1
run losetup -d "$loop"
echo "0 $(blockdev --getsz /dev/vg1/vol) linear /dev/vg1/vol 0" | dmsetup create above
expect_exit 7 'lvpatch --device /dev/mapper/above < back.diff'
expect_text "32 free chunks"
run dmsetup remove above
unchanged
[ ! -e other ] || fail "a refused run made a backup"
can_write vg1/neighbour

say "a pool above LVM's threshold has room, but LVM makes no volume in it"
run lvextend -q -L 12M vg1/small
fill /dev/vg1/neighbour 0 1024
mkdir /tmp/threshold
sed 's/activation {/& thin_pool_autoextend_threshold=55/' "$LVM_SYSTEM_DIR/lvm.conf" > /tmp/threshold/lvm.conf
remember /dev/vg1/vol
refused 7 'LVM_SYSTEM_DIR=/tmp/threshold lvpatch -g vg1 -l vol back < back.diff'
expect_text "thin_pool_autoextend_threshold (55 %)"
expect_text "lvextend"
run 'lvpatch -g vg1 -l vol back < back.diff'
run lvchange -ay -K vg0/base
expect_same /dev/vg0/base /dev/vg1/back

say "a chain writes to its own chunks once more: 80 chunks of 96, then 48, and 96 are free"
run lvremove -q -y vg1/back vg1/snap
run lvextend -q -L 13M vg1/small
expect_equal "$(pool_status vg1/small used_data)" 112/208 "chunks in use"
run lvcreate -q -s -kn -n two vg0/vol
fill /dev/vg0/two 0 5120 two
run lvcreate -q -s -kn -n three vg0/two
fill /dev/vg0/three 1024 3072 three
run 'lvdiff -q -d 3 vg0/vol vg0/two > two.diff'
run 'lvdiff -q -d 3 vg0/two vg0/three > three.diff'
run 'cat two.diff three.diff | lvpatch -g vg1 -l vol three'
expect_same /dev/vg0/three /dev/vg1/three
no_leftovers vg0/base

say "that LVM does not activate the base by itself is taken over, where LVM knows of that"
run lvremove -q -y vg1/three
if lvs -o autoactivation > /dev/null 2>&1; then
	run 'lvpatch -q -g vg1 -l vol new < back.diff'
	expect_equal "$(field vg1/new autoactivation)" enabled "the new volume's activation"
	run lvremove -q -y vg1/new
	run lvchange --setautoactivation n vg1/vol
	run 'lvpatch -q -g vg1 -l vol new < back.diff'
	expect_equal "$(field vg1/new autoactivation)" "" "the new volume's activation"
	run lvremove -q -y vg1/new
fi
# LVM before 2.03.12 does not know the field.
mkdir /tmp/older
cat > /tmp/older/lvs <<END
#!/bin/bash
exec $(command -v lvs) "\${@/autoactivation/unknown}"
END
chmod +x /tmp/older/lvs
run 'PATH=/tmp/older:$PATH lvpatch -q -g vg1 -l vol new < back.diff'
expect_same /dev/vg0/base /dev/vg1/new
no_leftovers vg0/base
