# Classic (thick) snapshots: a copy in another volume group is kept in step, and brought back.
source /run/guest/lib.sh

# changed_bytes SNAPSHOT: what a diff lists, summed up.
changed_bytes() {
	lvdiff --list "$1" | awk '{ sum += $2 } END { print sum }'
}

# forget: the copy loses its tags, and only the digests prove it.
forget() {
	local tags
	mapfile -t tags < <(field vg1/copy lv_tags | tr ',' '\n' | sed 's/^/--deltag=/')
	run lvchange -q "${tags[@]}" vg1/copy
}

make_vgs
run lvcreate -y -n lv -L 64M vg0
fill /dev/vg0/lv 0 32768 base
fill /dev/vg0/lv 40000 1000 base
run lvcreate -y -s -n snap -L 48M vg0/lv

say "nothing has changed"
run 'lvdiff -q --list vg0/snap | rows'
expect_equal "$OUTPUT" "" "the list"

say "the copy is of the snapshot, in which somebody wrote"
fill /dev/vg0/snap 5120 8 own
run lvcreate -y -n copy -L 64M vg1
run dd if=/dev/vg0/snap of=/dev/vg1/copy bs=1M conv=fsync status=none
expect_same /dev/vg0/snap /dev/vg1/copy
before=$(sum /dev/vg1/copy)

say "writes to the origin: data, zeros, a part of a chunk, and the last chunk"
fill /dev/vg0/lv 1024 256 new
zero /dev/vg0/lv 2048 64
fill /dev/vg0/lv 30001 1 new
fill /dev/vg0/lv 65532 4 new
remember /dev/vg0/lv /dev/vg0/snap /dev/vg1/copy
run 'lvdiff -q --list vg0/snap | rows'
expect_equal "$OUTPUT" "1048576 262144 changed
2097152 65536 changed
5242880 8192 changed
30720000 4096 changed
67104768 4096 changed" "the list"
run 'lvdiff --list -R vg0/snap | cmp - <(lvdiff --list vg0/snap vg0/lv)'
unchanged

say "each level, there and back"
for level in 0 1 2 3; do
	run "lvdiff -d $level vg0/snap > /tmp/level$level"
	expect_text "vg0/snap -> vg0/lv"
	run "lvpatch --info < /tmp/level$level"
	expect_text "Detect level: $level"
	expect_text "4096"
	run "lvpatch --in-place --check -g vg1 -l copy < /tmp/level$level"
	unchanged
	run "lvpatch --in-place -g vg1 -l copy --backup /tmp/undo$level < /tmp/level$level"
	expect_same /dev/vg0/lv /dev/vg1/copy
	expect_equal "$(field vg1/copy lv_tags | grep -o 'source=[^,]*')" \
		"source=$(field vg0/lv lv_uuid)" "the tag"
	run "lvpatch --in-place -g vg1 -l copy -i /tmp/undo$level"
	expect_equal "$(sum /dev/vg1/copy)" "$before" "the copy, brought back"
	forget
done

say "all in one pipe; and a copy that has the changes already is not the base"
run 'lvdiff vg0/snap | lvpatch --in-place -g vg1 -l copy'
expect_same /dev/vg0/lv /dev/vg1/copy
forget
remember /dev/vg1/copy
for level in 2 3; do
	refused 3 "lvpatch --in-place -g vg1 -l copy --backup /tmp/no < /tmp/level$level"
	expect_text "differs"
	refused 3 "lvpatch --in-place --check -g vg1 -l copy < /tmp/level$level"
done
[ ! -e /tmp/no ] || fail "a refused run made a backup"

say "from the origin to the snapshot, and forward again, in small blocks"
run 'lvdiff -R -d 3 vg0/snap | lvpatch --in-place -g vg1 -l copy'
expect_same /dev/vg0/snap /dev/vg1/copy
run 'lvdiff -d 3 --granularity 512 --compress zstd vg0/snap vg0/lv | lvpatch --in-place -g vg1 -l copy'
expect_same /dev/vg0/lv /dev/vg1/copy
run 'lvdiff vg0/lv vg0/snap | lvpatch --in-place -g vg1 -l copy'
expect_same /dev/vg0/snap /dev/vg1/copy
run 'lvdiff vg0/snap | lvpatch --in-place -g vg1 -l copy'
expect_exit 2 'lvdiff --granularity 8K vg0/snap > /tmp/no'
expect_text "4096"

say "the next snapshot: the copy is its origin's, so it may be the base"
run lvcreate -y -s -n snap2 -L 32M -c 16k vg0/lv
fill /dev/vg0/lv 9000 20 later
expect_equal "$(changed_bytes vg0/snap2)" $((2 * 16384)) "the bytes that changed"
run 'lvdiff vg0/snap2 | lvpatch --in-place -g vg1 -l copy'
expect_same /dev/vg0/lv /dev/vg1/copy
no_leftovers

say "inactive volumes: active for the time of the run"
run lvchange -an vg0/lv
run 'lvdiff -d 3 vg0/snap > /tmp/inactive'
expect_equal "$(field vg0/lv lv_active)$(field vg0/snap lv_active)" "" "what is active"
run lvchange -ay vg0/lv
no_leftovers

say "in use, or written meanwhile"
run 'lvdiff -q vg0/snap > /tmp/quiet'
expect_equal "$OUTPUT" "" "what was said"
exec 7<> /dev/vg0/lv
run 'lvdiff -q vg0/snap > /tmp/live'
expect_text "warning: vg0/lv is in use"
run 'lvdiff -q -R vg0/snap > /tmp/live'
expect_equal "$OUTPUT" "" "what was said"
exec 7>&-
fill /dev/vg0/lv 16384 16384 much
start_diff vg0/snap
fill /dev/vg0/lv 50000 64 meanwhile
go_on
ended 30
expect_equal "$STATUS" 0 "the exit status"
expect_text "vg0/lv was written to while it was read"
start_diff -d 2 -R vg0/snap
fill /dev/vg0/lv 51000 64 meanwhile
go_on
ended 30
expect_equal "$STATUS" 1 "the exit status"
expect_text "vg0/lv was written to while it was read"
stop_other_end
no_leftovers

say "what cannot be told is refused"
run lvcreate -y -n plain -L 16M vg0
remember /dev/vg0/lv /dev/vg0/snap /dev/vg1/copy
refused 2 'lvdiff vg0/plain > /tmp/no'
expect_text "vg0/plain is not a thin volume"
expect_text "classic snapshot"
refused 2 'lvdiff vg0/lv > /tmp/no'
refused 2 'lvdiff -R vg0/lv > /tmp/no'
expect_text "--reverse is for a classic snapshot"
refused 2 'lvdiff -R vg0/snap vg0/lv > /tmp/no'
refused 2 'lvdiff vg0/snap vg0/snap2 > /tmp/no'
expect_text "changes are known only between these two"
refused 2 'lvdiff vg0/plain vg0/snap > /tmp/no'
refused 2 'lvdiff --snapshot vg0/snap > /tmp/no'
expect_text "stop whatever writes to vg0/lv"
refused 2 'lvpatch -g vg1 -l copy < /tmp/level3'
expect_text "--in-place"
refused 3 'lvpatch --in-place --no-base-check -g vg0 -l plain < /tmp/level3'
refused 2 'lvpatch --in-place -g vg0 -l snap < /tmp/level3'
expect_text "vg0/snap is a classic snapshot"
run lvcreate -y -n mounted -L 64M vg1
run mkfs.ext4 -q /dev/vg1/mounted
run mkdir -p /tmp/mnt
run mount /dev/vg1/mounted /tmp/mnt
remember /dev/vg0/lv /dev/vg0/snap
refused 1 'lvpatch --in-place --no-base-check -g vg1 -l mounted < /tmp/level3'
expect_text "must not be mounted or in use"
run umount /tmp/mnt
run lvremove -q -y vg1/mounted

say "a store that is damaged"
run 'printf "\377" | dd of=/dev/mapper/vg0-snap2-cow bs=1 seek=$((16384 + 7)) conv=notrunc,fsync status=none'
remember
refused 5 'lvdiff vg0/snap2 > /tmp/no'
expect_text "chunk 1 of the exception store is damaged"
run 'printf "\0" | dd of=/dev/mapper/vg0-snap2-cow bs=1 seek=$((16384 + 7)) conv=notrunc,fsync status=none'
run 'lvdiff --list vg0/snap2'

say "a snapshot that overflowed"
run lvcreate -y -s -n small -L 4M vg0/lv
fill /dev/vg0/lv 0 8192 overflow
remember
refused 1 'lvdiff vg0/small > /tmp/no'
expect_text "vg0/small"
expect_text "its status is Invalid"
refused 1 'lvdiff --list -R vg0/small'
run lvremove -q -y vg0/small

say "a snapshot that is to be merged, and its neighbour while it is"
exec 7< /dev/vg0/lv
run lvconvert --merge vg0/snap
remember
refused 2 'lvdiff vg0/snap > /tmp/no'
expect_text "vg0/snap is being merged into lv"
refused 2 'lvdiff vg0/snap vg0/lv > /tmp/no'
expect_text "vg0/snap is being merged"
exec 7<&-
run lvchange -q -an vg0/lv
run lvchange -q -ay --poll n vg0/lv
[[ $(dmsetup table vg0-lv) == *snapshot-merge* ]] || fail "it is not being merged"
remember
refused 2 'lvdiff vg0/snap > /tmp/no'
refused 1 'lvdiff vg0/snap2 > /tmp/no'
expect_text "a snapshot is being merged into it"
[ ! -s /tmp/no ] || fail "a refused run wrote a stream"

say "a thin volume's classic snapshot; and thin volumes' diff, with holes, onto a thick one"
make_pool vg1 pool0 64k 128M
run lvcreate -T vg1/pool0 -V 16M -n thin
fill /dev/vg1/thin 0 4096 base
run lvcreate -y -s -n thick -L 8M vg1/thin
fill /dev/vg1/thin 1024 64 new
run 'lvdiff -d 3 vg1/thick > /tmp/stream'
content /dev/vg1/thick > /tmp/image
run 'lvpatch --device /tmp/image < /tmp/stream'
expect_same /tmp/image /dev/vg1/thin
run lvremove -q -y vg1/thick
run lvcreate -s -kn -n thin0 vg1/thin
fill /dev/vg1/thin 2048 64 new
discard /dev/vg1/thin 3072 256
run lvcreate -y -n onto -L 16M vg1
run dd if=/dev/vg1/thin0 of=/dev/vg1/onto bs=1M conv=fsync status=none
run 'lvdiff vg1/thin0 vg1/thin | lvpatch --in-place -g vg1 -l onto --backup /tmp/undo'
expect_same /dev/vg1/thin /dev/vg1/onto
run lvpatch --in-place -g vg1 -l onto -i /tmp/undo
expect_same /dev/vg1/thin0 /dev/vg1/onto
no_leftovers
