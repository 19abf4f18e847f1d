# Increments that become one, without a device: the last snapshot in one step.
#@ quick
source /run/guest/lib.sh

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M

say "a base, and three snapshots of the volume after it"
run lvcreate -T vg0/pool0 -V 32M -n vol
fill /dev/vg0/vol 0 8192 base
run lvcreate -s -kn -n s0 vg0/vol
fill /dev/vg0/vol 1000 4000 one
fill /dev/vg0/vol 16384 2048 one
discard /dev/vg0/vol 5120 1024
run lvcreate -s -kn -n s1 vg0/vol
fill /dev/vg0/vol 2048 512 two
zero /dev/vg0/vol 3000 300
discard /dev/vg0/vol 16384 1024
fill /dev/vg0/vol 5500 100 two
run lvcreate -s -kn -n s2 vg0/vol
fill /dev/vg0/vol 3050 20 three
fill /dev/vg0/vol 16500 4 three
discard /dev/vg0/vol 0 1024
discard /dev/vg0/vol 17408 512
run lvcreate -s -kn -n s3 vg0/vol

run lvcreate -T vg1/pool0 -V 32M -n s0
copy_volume /dev/vg0/s0 /dev/vg1/s0

say "three increments, two of them with parts of chunks only"
run 'lvdiff -d 3 vg0/s0 vg0/s1 > d1.diff'
run 'lvdiff --granularity 4K --compress zstd vg0/s1 vg0/s2 > d2.diff'
run 'lvdiff --granularity 512 --pair Step:3 vg0/s2 vg0/s3 > d3.diff'
for step in 1 2 3; do
	run "lvpatch -g vg1 < d$step.diff"
	expect_same "/dev/vg0/s$step" "/dev/vg1/s$step"
done

say "merged, as one who is not root, it leads from the first base to the last target"
expect_exit 3 lvdiff --merge d1.diff d3.diff -o merged.diff
expect_text "d3.diff does not follow"
[ ! -e merged.diff ] || fail "something was written"
run chmod 644 d1.diff d2.diff d3.diff
run 'setpriv --reuid 1000 --regid 1000 --clear-groups lvdiff --pair By:merge --merge d1.diff d2.diff d3.diff > merged.diff'
run 'lvpatch --verify < merged.diff'
run 'lvpatch --info < merged.diff'
expect_text "s0"
expect_text "s3"
expect_text "Step: 3"
expect_text "By: merge"
expect_text "$(field vg0/s0 lv_uuid)"
expect_text "$(field vg0/s3 lv_uuid)"

say "the last snapshot in one step, and no more space taken than by three"
run 'lvpatch -g vg1 merged < merged.diff'
expect_same /dev/vg0/s3 /dev/vg1/merged
expect_same /dev/vg1/s3 /dev/vg1/merged
expect_equal "$(field vg1/merged data_percent)" "$(field vg0/s3 data_percent)" "what is mapped"

say "the same from one file, and merged in two steps"
run 'cat d1.diff d2.diff d3.diff > all.diff'
run lvdiff -q --compress zstd --merge all.diff -o merged-all.diff
run 'lvpatch -g vg1 merged-all < merged-all.diff'
expect_same /dev/vg0/s3 /dev/vg1/merged-all
run lvdiff -q --merge d2.diff d3.diff -o d23.diff
run 'lvdiff --merge d1.diff d23.diff | lvpatch -g vg1 -l s0 merged-twice'
expect_same /dev/vg0/s3 /dev/vg1/merged-twice

say "a wrong base is refused as by the first of them"
remember /dev/vg1/s0 /dev/vg1/s1
refused 3 'lvpatch -g vg1 -l s1 other < merged.diff'

say "a full stream and its increments become a newer full"
run 'lvdiff vg0/s0 > full.diff'
run lvdiff --merge full.diff d1.diff d2.diff d3.diff -o newer.diff
run 'lvpatch -g vg1 -p pool0 newer < newer.diff'
expect_same /dev/vg0/s3 /dev/vg1/newer
expect_exit 3 'lvdiff --merge d1.diff full.diff > wrong.diff'
expect_text "full stream"
no_leftovers
check_pool vg0/pool0 vg1/pool0
