# A diff from nothing: a volume is made of it, wherever there is a pool.
#@ quick
source /run/guest/lib.sh

# mapped VG/LV: the sectors that are mapped in an active volume.
mapped() {
	local sectors
	read -r _ _ _ sectors _ < <(dmsetup status "$(dm_name "${1%%/*}" "${1#*/}")")
	echo "$sectors"
}

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n vol0
fill /dev/vg0/vol0 0 2000
fill /dev/vg0/vol0 10000 3000
fill /dev/vg0/vol0 $((64 * 1024 - 100)) 100 "up to the end"
zero /dev/vg0/vol0 20480 1024
discard /dev/vg0/vol0 10240 512
sync

say "data, holes and zeros; zeros allocate nothing"
run 'lvdiff vg0/vol0 | tee full.diff | lvpatch -g vg1 -p pool0'
expect_text "nothing -> vg0/vol0: "
expect_text "1.0 MiB of zeros sent"
expect_same /dev/vg0/vol0 /dev/vg1/vol0
expect_equal "$(mapped vg1/vol0)" $(($(mapped vg0/vol0) - 2048)) "what is mapped, but for the zeros"
[ "$(byte_size full.diff)" -lt 6000000 ] || fail "a stream of $(byte_size full.diff) bytes"
no_leftovers

say "only where"
run 'lvdiff -q --list vg0/vol0 | rows'
bytes=$(awk '$3 == "changed" { bytes += $2 } END { print bytes }' <<< "$OUTPUT")
expect_equal "$bytes" $(($(mapped vg0/vol0) * 512)) "the list"
[[ $OUTPUT != *unmapped* ]] || fail "nothing was mapped before"
run lvdiff --list --json vg0/vol0
run 'lvpatch --info --json < full.diff'
expect_equal "$(jq -c '.streams[0] | [.base, .detect_level, .unmapped_bytes]' <<< "$OUTPUT")" '[null,0,0]' "the header"

say "what cannot be"
remember
refused 2 'lvdiff -d 2 vg0/vol0 > /dev/null'
refused 2 'lvdiff --granularity 4K vg0/vol0 > /dev/null'
refused 2 'lvdiff vg0/pool0 > /dev/null'
expect_text "not a thin volume"
refused 2 'lvdiff vg0/none > /dev/null'
run dmsetup message vg0-pool0-tpool 0 reserve_metadata_snap
expect_exit 6 'lvdiff vg0/vol0 > /dev/null'
run dmsetup message vg0-pool0-tpool 0 release_metadata_snap
no_leftovers

say "an inactive snapshot stays inactive, and its stream is the first of a chain"
run lvcreate -s -n mon vg0/vol0
run 'lvdiff vg0/mon > mon.diff'
expect_equal "$(field vg0/mon lv_active)" "" "the snapshot"
fill /dev/vg0/vol0 30000 500 "after monday"
run 'lvdiff vg0/mon vg0/vol0 > tue.diff'
run 'lvpatch -g vg1 -p pool0 mon < mon.diff'
run 'lvpatch -g vg1 -l mon tue < tue.diff'
expect_same /dev/vg0/vol0 /dev/vg1/tue
no_leftovers

say "a volume in use: a temporary snapshot of it, and nothing said of inconsistency"
run mkfs.ext4 -q -F /dev/vg0/vol0
mkdir /tmp/mnt
run mount /dev/vg0/vol0 /tmp/mnt
run 'head -c 3000000 /dev/urandom > /tmp/mnt/file'
kept=$(sha256sum < /tmp/mnt/file)
run 'lvdiff -q vg0/vol0 > /dev/null'
expect_text "--snapshot"
run 'lvdiff -q --snapshot vg0/vol0 | lvpatch -q -g vg1 -p pool0 live'
expect_equal "$OUTPUT" "" "what was said"
run lvdiff --list --snapshot vg0/vol0
run umount /tmp/mnt
run e2fsck -fn /dev/vg1/live
run mount -o ro /dev/vg1/live /tmp/mnt
expect_equal "$(sha256sum < /tmp/mnt/file)" "$kept" "the file"
run umount /tmp/mnt
no_leftovers

say "nothing at all"
run lvcreate -T vg0/pool0 -V 16M -n empty
run 'lvdiff vg0/empty | lvpatch -g vg1 -p pool0'
expect_same /dev/vg0/empty /dev/vg1/empty
expect_equal "$(mapped vg1/empty)" 0 "what is mapped"

say "with an external origin all of it is sent: unmapped is not zero there"
run lvcreate -y -L 8M -n thick vg0
fill /dev/vg0/thick 0 5000 "the origin"
run lvchange -q -an vg0/thick
run lvchange -q -pr vg0/thick
run lvcreate -q -s --thinpool pool0 -n ext vg0/thick
run lvchange -q -ay -K vg0/ext
fill /dev/vg0/ext 1000 100 "on top"
run 'lvdiff -q --list vg0/ext | rows'
expect_equal "$OUTPUT" "0 8388608 changed" "the list"
run 'lvdiff vg0/ext | lvpatch -g vg1 -p pool0'
expect_same /dev/vg0/ext /dev/vg1/ext
no_leftovers
check_pool vg0/pool0 vg1/pool0
