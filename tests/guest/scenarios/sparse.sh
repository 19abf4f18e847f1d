# A volume of 16 TiB with 128 KiB mapped: what is done with it costs what is mapped, on both sides.
source /run/guest/lib.sh

# within COMMAND…: what would take hours if all of the volume were read or hashed.
within() {
	run timeout 100 "$@"
}

# What is mapped is in two places.
FAR=17000000000
data_of() {
	dd if="$1" bs=64k skip=$((448 / 64)) count=1 iflag="$2" status=none
	dd if="$1" bs=64k skip=$((FAR / 64)) count=1 iflag="$2" status=none
}

# expect_arrived FILE [FLAG]: it holds what s2 does there.
expect_arrived() {
	expect_equal "$(data_of "$1" "${2:-direct}" | sha256sum)" "$(data_of /dev/vg0/s2 direct | sha256sum)" "$1"
}

# mapped VG LV: the sectors that are mapped.
mapped() {
	dmsetup status "$(dm_name "$1" "$2")" | cut -d' ' -f4
}

make_vgs
make_pool vg0 pool0 64k 200M
make_pool vg1 pool0 64k 200M
run lvcreate -q -T vg0/pool0 -V 16T -n vol0
fill /dev/vg0/vol0 448 64 one
run lvcreate -q -s -kn -n s1 vg0/vol0
fill /dev/vg0/vol0 $((FAR / 64 * 64)) 64 two
run lvcreate -q -s -kn -n s2 vg0/vol0
for level in 2 3; do
	within lvdiff -q -d $level -o level$level vg0/s1 vg0/s2
done
within lvdiff -q -o full vg0/s1
run lvpatch --info -i level3
expect_text "Base root:"

say "onto a thin volume, whose holes its metadata tells"
within lvpatch -q -g vg1 -p pool0 -i full s1
for level in 2 3; do
	within lvpatch -q --check -g vg1 -l s1 -i level$level
	within lvpatch -q -g vg1 -l s1 -i level$level s2
	within lvdiff -q --list vg1/s1 vg1/s2
	expect_arrived /dev/vg1/s2
	expect_equal "$(mapped vg1 s2)" 256 "what is mapped in the new volume"
	run lvremove -qy vg1/s2
done
run lvcreate -q -s -kn -n stray vg1/s1
fill /dev/vg1/stray 9000000000 4 stray
expect_exit 3 timeout 100 lvpatch -q -g vg1 -l stray -i level3 s2
expect_text "stray is not the base that the diff was made from"
within lvpatch -q --in-place -g vg1 -l s1 -i level3
expect_arrived /dev/vg1/s1

say "merged, where the base is proved of a full stream"
within lvdiff -q --merge full level3 -o merged
within lvpatch -q -g vg1 -p pool0 -i merged both
expect_arrived /dev/vg1/both
run lvremove -qy vg1/both vg1/s1 vg1/stray

say "an image file, whose holes its file system tells"
within lvpatch -q --device image -i full
within lvpatch -q --check --device image -i level3
cp --sparse=always image stray
printf X | dd of=stray bs=1 seek=$((9 << 40)) conv=notrunc status=none
expect_exit 3 timeout 100 lvpatch -q --device stray -i level3
within lvpatch -q --device image -i level3
expect_arrived image fullblock
[ "$(du -k image | cut -f1)" -lt 1000 ] || fail "the image takes $(du -k image)"

say "offline"
id_of() {
	field "vg0/$1" thin_id
}
s1=$(id_of s1) s2=$(id_of s2)
run vgchange -q -an vg0
for part in tmeta tdata; do
	run lvchange -q -y -ay vg0/pool0_$part
done
files="--metadata /dev/vg0/pool0_tmeta --data /dev/vg0/pool0_tdata"
within lvdiff -q -d 3 -o offline --size 16T $files "$s1" "$s2"
root_of() {
	lvpatch --info -i "$1" | grep "^Base root"
}
expect_equal "$(root_of offline)" "$(root_of level3)" "the root"
for part in tmeta tdata; do
	run lvchange -q -an vg0/pool0_$part
done
run vgchange -q -ay -K vg0

say "a volume that grows to 16 TiB, and shrinks"
run lvcreate -q -T vg0/pool0 -V 64M -n vol1
fill /dev/vg0/vol1 448 64 one
run lvcreate -q -s -kn -n small vg0/vol1
run lvextend -q -L 16T vg0/vol1
fill /dev/vg0/vol1 $((FAR / 64 * 64)) 64 two
within lvdiff -q -d 3 -o grown vg0/small vg0/vol1
within lvdiff -q -d 3 -o shrunk vg0/vol1 vg0/small
run 'lvdiff -q vg0/small | lvpatch -q -g vg1 -p pool0'
within lvpatch -q -g vg1 -l small -i grown
expect_arrived /dev/vg1/vol1
within lvpatch -q -g vg1 -l vol1 -i shrunk back
expect_same /dev/vg1/back /dev/vg0/small
expect_equal "$(mapped vg1 vol1),$(mapped vg1 back)" 256,128 "what is mapped"
no_leftovers
