# Thin volumes with an external origin: where they are unmapped, they read as another volume.
source /run/guest/lib.sh

make_vgs
for vg in vg0 vg1; do
	make_pool "$vg" pool0 64k 256M
	run lvcreate -y -L 32M -n thick "$vg"
	fill "/dev/$vg/thick" 0 $((24 * 1024)) "the origin"
	run lvchange -q -an "$vg/thick"
	run lvchange -q -pr "$vg/thick"
	run lvcreate -q -s --thinpool pool0 -n ext "$vg/thick"
	# Past the origin's end, what is unmapped reads as zeros again.
	run lvextend -q -L 40M "$vg/ext"
	run lvchange -q -ay -K "$vg/ext"
done
expect_same /dev/vg0/ext /dev/vg1/ext

say "overwritten, discarded, zeroed; where nothing is mapped, and where something is"
run lvcreate -s -kn -n base vg0/ext
fill /dev/vg0/ext 1000 2000 first
zero /dev/vg0/ext 8192 1024
fill /dev/vg0/ext $((30 * 1024)) 512 "past the origin's data"
fill /dev/vg0/ext $((32 * 1024 - 100)) 200 "across the origin's end"
fill /dev/vg0/ext $((36 * 1024)) 128 "past the origin's end"
run 'lvdiff vg0/base vg0/ext | lvpatch -g vg1 -l ext one'
expect_same /dev/vg0/ext /dev/vg1/one
run lvcreate -s -kn -n one vg0/ext
fill /dev/vg0/ext 1500 200 second
# The origin shows again here.
discard /dev/vg0/ext 2048 512
discard /dev/vg0/ext 8192 512
discard /dev/vg0/ext $((30 * 1024)) 256
discard /dev/vg0/ext $((36 * 1024)) 64
zero /dev/vg0/ext 12288 100
run 'lvdiff vg0/one vg0/ext | lvpatch -g vg1 -l one two'
expect_same /dev/vg0/ext /dev/vg1/two
run 'lvdiff -d 3 vg0/base vg0/ext | lvpatch -g vg1 -l ext two-of-ext'
expect_same /dev/vg0/ext /dev/vg1/two-of-ext

say "and back"
run 'lvdiff -d 3 vg0/ext vg0/base | lvpatch -g vg1 -l two back'
expect_same /dev/vg0/base /dev/vg1/back
expect_same /dev/vg1/ext /dev/vg1/back

say "a base whose origin differs, under the same mappings"
run 'lvdiff -d 3 vg0/base vg0/ext > whole.diff'
run 'lvdiff -d 2 vg0/base vg0/ext > sample.diff'
run lvcreate -y -L 32M -n wrong vg1
fill /dev/vg1/wrong 0 $((24 * 1024)) "the origin"
fill /dev/vg1/wrong 5000 4 "one block"
run lvchange -q -an vg1/wrong
run lvchange -q -pr vg1/wrong
run lvcreate -q -s --thinpool pool0 -n wrongext vg1/wrong
run lvextend -q -L 40M vg1/wrongext
run lvchange -q -ay -K vg1/wrongext
expect_exit 3 'lvpatch -g vg1 -l wrongext new < whole.diff'
# The same mappings as the base's: none.
run lvcreate -T vg1/pool0 -V 40M -n empty
expect_exit 3 'lvpatch -g vg1 -l empty new < sample.diff'
no_leftovers

say "a volume that is not the origin's: refused, or diffed in full"
run lvcreate -T vg0/pool0 -V 40M -n plain
run lvcreate -T vg1/pool0 -V 40M -n plain
fill /dev/vg0/plain 0 64
fill /dev/vg1/plain 0 64
# full NAME OPTIONS BASE TARGET VG1_BASE: what is shared by being unmapped differs all the same.
full() {
	local status=0
	lvdiff $2 "vg0/$3" "vg0/$4" > full.diff || status=$?
	if [ "$status" = 0 ]; then
		run "lvpatch -g vg1 -l $5 $1 < full.diff"
		expect_same "/dev/vg0/$4" "/dev/vg1/$1"
	else
		echo "(refused: exit status $status)"
	fi
}
for level in 2 3; do
	full "to-plain$level" "-d $level" ext plain two
	full "to-ext$level" "-d $level" plain ext plain
done
run lvcreate -y -L 32M -n thick2 vg0
fill /dev/vg0/thick2 0 $((24 * 1024)) "another origin"
run lvchange -q -an vg0/thick2
run lvchange -q -pr vg0/thick2
run lvcreate -q -s --thinpool pool0 -n ext2 vg0/thick2
run lvextend -q -L 40M vg0/ext2
run lvchange -q -ay -K vg0/ext2
full to-ext2 "-d 3" ext ext2 two
no_leftovers
