# One difference after the other: a chain of snapshots, and metadata that was read before.
#@ quick
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M

say "four snapshots of one volume"
run lvcreate -T vg0/pool0 -V 64M -n vol
run lvcreate -T vg1/pool0 -V 64M -n a
run lvcreate -s -kn -n a vg0/vol
fill /dev/vg0/vol 0 16384 b
run lvcreate -s -kn -n b vg0/vol
fill /dev/vg0/vol 8192 16384 c
discard /dev/vg0/vol 0 1024
run lvcreate -s -kn -n c vg0/vol
fill /dev/vg0/vol 100 1000 d
zero /dev/vg0/vol 12288 512
discard /dev/vg0/vol 16384 16384
run lvcreate -s -kn -n d vg0/vol

say "diffed in pairs, and applied one after the other; the names are those in the streams"
run 'lvdiff vg0/a vg0/b > ab.diff'
run 'lvdiff vg0/b vg0/c > bc.diff'
run 'lvdiff vg0/c vg0/d > cd.diff'
expect_exit 2 'lvpatch -g vg1 < bc.diff'
expect_exit 3 'lvpatch -g vg1 -l a < cd.diff'
for step in ab bc cd; do
	run "lvpatch -g vg1 < $step.diff"
	expect_same "/dev/vg0/${step:1}" "/dev/vg1/${step:1}"
done
for name in a b c; do
	expect_same "/dev/vg0/$name" "/dev/vg1/$name"
done

say "in one step, and back again"
run 'lvdiff -d 3 vg0/a vg0/d | lvpatch -g vg1 -l a d-of-a'
expect_same /dev/vg0/d /dev/vg1/d-of-a
run 'lvdiff -d 3 vg0/d vg0/b | lvpatch -g vg1 -l d b-of-d'
expect_same /dev/vg0/b /dev/vg1/b-of-d
no_leftovers

say "diff, snapshot, write, diff again: the second sees the new data"
# Nothing is synced in between: what is new may be in the page cache, in the pool's memory, or in
# metadata that an earlier run has read. The last one to close a device brings the page cache to it,
# so the device is held open.
write_unsynced() {
	echo "(write $1 at $2 KiB, $3 KiB, seed $4, not synced)"
	{ yes "$4" || :; } | dd of="$1" bs=64K seek="${2}K" count="${3}K" iflag=fullblock,count_bytes \
		oflag=seek_bytes conv=notrunc status=none
}
run lvcreate -T vg0/pool0 -V 32M -n live
run lvcreate -T vg1/pool0 -V 32M -n live.0
run lvcreate -T vg0/pool0 -V 64M -n churn
exec 9< /dev/vg0/live
for i in 0 1 2 3 4; do
	run 'lvdiff --list vg0/live vg0/vol 2> /dev/null'
	run lvcreate -s -kn -n "live.$i" vg0/live
	write_unsynced /dev/vg0/live $((i * 1000)) 2000 "round $i"
	run "lvdiff --list vg0/live.$i vg0/live 2> /dev/null | rows"
	# The chunks from the first to the last that were written to.
	first=$((i * 1000 / 64 * 64))
	last=$(((i * 1000 + 2000 + 63) / 64 * 64))
	expect_equal "$OUTPUT" "$((first * 1024)) $(((last - first) * 1024)) changed" "what changed"
	# The pool commits after every chunk, and writes to metadata blocks that the run above has read.
	dd if=/dev/urandom of=/dev/vg0/churn bs=64K count=200 seek=$((i * 200)) oflag=direct,dsync \
		conv=notrunc status=none
	write_unsynced /dev/vg0/live $((i * 1000 + 500)) 100 "and once more in round $i"
	run "lvdiff -q -d 3 vg0/live.$i vg0/live | lvpatch -q -g vg1 -l live.$i live.$((i + 1))"
	expect_same /dev/vg0/live "/dev/vg1/live.$((i + 1))"
done
exec 9<&-
no_leftovers
