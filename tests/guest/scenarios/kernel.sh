# The guest itself: everything that the other scenarios take for granted, without our programs.
#@ also on: debian-13
#@ quick
source /run/guest/lib.sh

say "pools in two volume groups, of two chunk sizes"
make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 192k 256M
expect_equal "$(field vg1/pool0 chunksize)" 196608 "the chunk size"

say "a volume and a snapshot keep their own bytes"
run lvcreate -T vg0/pool0 -V 100M -n vol0
fill /dev/vg0/vol0 0 1024 one
before=$(sum /dev/vg0/vol0)
run lvcreate -s -n sp0 vg0/vol0
expect_equal "$(field vg0/sp0 lv_active)" "" "a snapshot is not active by itself"
fill /dev/vg0/vol0 512 64 two
run lvchange -ay -K vg0/sp0
expect_equal "$(sum /dev/vg0/sp0)" "$before" "the snapshot"
[ "$(sum /dev/vg0/vol0)" != "$before" ] || fail "the volume did not change"

say "a discard unmaps whole chunks, zeros do not"
expect_equal "$(pool_status vg0/pool0 used_data)" 17/4096 "chunks in use"
zero /dev/vg0/vol0 576 64
expect_equal "$(pool_status vg0/pool0 used_data)" 18/4096 "chunks in use"
discard /dev/vg0/vol0 500 140
expect_equal "$(pool_status vg0/pool0 used_data)" 16/4096 "chunks in use"

say "the metadata can be read by others while the pool runs"
expect_equal "$(pool_status vg0/pool0 held)" - "the held root"
run dmsetup message vg0-pool0-tpool 0 reserve_metadata_snap
[ "$(pool_status vg0/pool0 held)" != - ] || fail "no metadata snapshot"
expect_exit 1 'source /run/guest/lib.sh; no_leftovers vg0/sp0'
expect_text "metadata snapshot was left behind"
run thin_dump -m /dev/mapper/vg0-pool0_tmeta
expect_text '<device dev_id="2" mapped_blocks="16"'
run dmsetup message vg0-pool0-tpool 0 release_metadata_snap
expect_exit 1 'source /run/guest/lib.sh; no_leftovers'
expect_text "a snapshot was left active: vg0/sp0"
run lvchange -an vg0/sp0
no_leftovers

say "a pool survives being switched off, and LVM checks its metadata"
run vgchange -an vg0
run vgchange -ay vg0
expect_equal "$(pool_status vg0/pool0 mode)" rw "the pool's mode"
run lvchange -ay -K vg0/sp0
expect_equal "$(sum /dev/vg0/sp0)" "$before" "the snapshot"

say "a file system on a thin volume"
run mkfs.ext4 -q /dev/vg0/vol0
mkdir /tmp/mnt
run mount /dev/vg0/vol0 /tmp/mnt
run 'echo "hello world" > /tmp/mnt/hello'
run umount /tmp/mnt
