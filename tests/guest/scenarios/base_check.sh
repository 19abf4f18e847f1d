# The base is proved before anything is done: each detect level against the right base, against
# bases that are wrong in one place, and against those that cannot be the base at all.
source /run/guest/lib.sh

# 64 chunks, the most that level 2 looks at one by one.
make_twins 4
for level in 0 1 2 3; do
	run "lvdiff -d $level vg0/sp0 vol0 > /tmp/level$level"
	run "lvpatch --info < /tmp/level$level"
	expect_text "Detect level: $level"
done
expected=$(sum /dev/vg0/vol0)

# accepted LEVEL [OPTION…]: makes vg1/vol0, with the target's bytes if the base is the right one,
# and removes it again: all is as before then, the base's bytes included.
accepted() {
	run "lvpatch -g vg1 -l $BASE ${*:2} < /tmp/level$1"
	[ "$BASE" != sp0 ] || expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
	run lvremove -y vg1/vol0
	unchanged
}

# mismatch LEVEL TEXT: refused because of the base, and TEXT is said.
mismatch() {
	refused 3 "lvpatch -g vg1 -l $BASE < /tmp/level$1"
	expect_text "$2"
}

# another_base NAME: a base that is like the right one until it is changed; then remember it.
another_base() {
	BASE=$1
	run lvcreate -s -kn -n "$BASE" vg1/sp0
}

say "the right base"
BASE=sp0
remember /dev/vg1/sp0
for level in 0 1 2 3; do
	accepted $level
done
run lvchange -an vg1/sp0
remember
run 'lvpatch -g vg1 -l sp0 < /tmp/level3'
run lvremove -y vg1/vol0
unchanged
run lvchange -ay vg1/sp0

say "a base with one changed chunk, the eighth"
another_base late
fill /dev/vg1/late 448 64 wrong
remember /dev/vg1/late
accepted 0
accepted 1
mismatch 2 "differs at offset 458752 "
mismatch 3 "late is not the base that the diff was made from"
accepted 2 --no-base-check
accepted 3 --no-base-check
# Inactive, it is looked at all the same, and inactive again.
run lvchange -an vg1/late
remember
mismatch 2 "differs at offset 458752 "
mismatch 3 "differs"
run lvchange -ay -K vg1/late

say "a base with one changed byte, the last of its first chunk"
another_base head
printf X | dd of=/dev/vg1/head bs=1 seek=65535 conv=notrunc,fsync status=none
remember /dev/vg1/head
accepted 0
mismatch 1 "differs at offset 0 "
mismatch 2 "differs at offset 0 "
mismatch 3 "differs"
accepted 1 --no-base-check
accepted 2 --no-base-check

say "a base with stray data where there is a hole"
another_base stray
fill /dev/vg1/stray 3968 4 wrong
remember /dev/vg1/stray
accepted 0
accepted 1
mismatch 2 "differs at offset 4063232 "
mismatch 3 "differs"
accepted 3 --no-base-check

say "a base that has zeros where there is a hole is the right one"
another_base zeros
zero /dev/vg1/zeros 1024 64
[ "$(field vg1/zeros data_percent)" != "$(field vg1/sp0 data_percent)" ] || fail "no hole was filled"
remember /dev/vg1/zeros
for level in 1 2 3; do
	accepted $level
done

say "somebody else holds the metadata snapshot: level 3 reads everything"
run dmsetup message vg1-pool0-tpool 0 reserve_metadata_snap
held=$(pool_status vg1/pool0 held)
run 'lvpatch -g vg1 -l sp0 < /tmp/level3'
expect_equal "$(sum /dev/vg1/vol0)" "$expected" "the new volume"
run lvremove -y vg1/vol0
remember /dev/vg1/late /dev/vg1/head /dev/vg1/stray
for BASE in late head stray; do
	mismatch 3 "differs"
done
expect_equal "$(pool_status vg1/pool0 held)" "$held" "their metadata snapshot"
run dmsetup message vg1-pool0-tpool 0 release_metadata_snap

say "a base of another size"
run lvcreate -T vg1/pool0 -V 8M -n larger
copy_volume /dev/vg1/sp0 /dev/vg1/larger
run lvcreate -T vg1/pool0 -V 4M -n empty
remember /dev/vg1/larger /dev/vg1/empty
for level in 0 1 2 3; do
	refused 3 "lvpatch -g vg1 -l larger < /tmp/level$level"
	expect_text "8388608 bytes"
	expect_text "4194304"
done
refused 3 "lvpatch -g vg1 -l larger --no-base-check < /tmp/level0"
refused 3 "lvpatch -g vg1 -l empty < /tmp/level1"
refused 3 "lvpatch -g vg1 -l empty < /tmp/level2"
refused 3 "lvpatch -g vg1 -l empty < /tmp/level3"

say "a pool of another chunk size"
make_pool vg1 pool1 128k 64M
run lvcreate -T vg1/pool1 -V 4M -n other
copy_volume /dev/vg1/sp0 /dev/vg1/other
remember /dev/vg1/other
for level in 0 3; do
	refused 1 "lvpatch -g vg1 -l other < /tmp/level$level"
	expect_text "131072 bytes"
	expect_text "chunks of 65536"
done
refused 1 "lvpatch -g vg1 -l other --no-base-check < /tmp/level2"

say "a base that is no thin volume"
run lvcreate -y -L 4M -n thick vg1
remember /dev/vg1/thick
refused 2 "lvpatch -g vg1 -l thick < /tmp/level2"
expect_text "not a thin volume"
no_leftovers

say "level 3 reads what is mapped, level 2 a sample, and neither all of the volume"
run lvcreate -T vg0/pool0 -V 64M -n big
fill /dev/vg0/big 0 128
fill /dev/vg0/big 60032 64
run lvcreate -s -kn -n big0 vg0/big
fill /dev/vg0/big 30016 64
run lvcreate -T vg1/pool0 -V 64M -n big0
copy_volume /dev/vg0/big0 /dev/vg1/big0

# kib_read DEVICE: how much was read of it since it became active.
kib_read() {
	echo $(($(io_stat "$1" 3) / 2))
}

for level in 2 3; do
	most=$((level == 2 ? 65 * 64 : 4 * 64))
	before=$(kib_read /dev/vg0/big0)
	run "lvdiff -d $level vg0/big0 big > /tmp/big"
	read=$(($(kib_read /dev/vg0/big0) - before))
	echo "(lvdiff read $read KiB of the base)"
	((read > 64 && read <= most)) || fail "$read KiB read, expected at most $most"
	before=$(kib_read /dev/vg1/big0)
	run 'lvpatch -g vg1 -l big0 < /tmp/big'
	read=$(($(kib_read /dev/vg1/big0) - before))
	echo "(lvpatch read $read KiB of the base)"
	((read > 64 && read <= most)) || fail "$read KiB read, expected at most $most"
	expect_equal "$(sum /dev/vg1/big)" "$(sum /dev/vg0/big)" "the new volume"
	run lvremove -y vg1/big
done
no_leftovers
