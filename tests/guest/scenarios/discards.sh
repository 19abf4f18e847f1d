# What is unmapped in a volume is unmapped in its copy, and zeros allocate nothing.
#@ also on: debian-13
source /run/guest/lib.sh

# expect_mapped A B: the two volumes have the same part mapped.
expect_mapped() {
	expect_equal "$(field "$2" data_percent)" "$(field "$1" data_percent)" "$2, what is mapped"
	echo "($1 and $2: $(field "$1" data_percent) % mapped)"
}

# used VG/POOL: how many chunks are in use.
used() {
	local used
	used=$(pool_status "$1" used_data)
	echo "${used%/*}"
}

# A volume of 1024 chunks: one of them is a tenth of a percent.
make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
make_pool vg1 ignore 64k 256M --discards ignore
run lvcreate -T vg0/pool0 -V 64M -n vol
run lvcreate -T vg1/pool0 -V 64M -n s0
run lvcreate -T vg1/ignore -V 64M -n i0
run lvcreate -s -kn -n s0 vg0/vol
fill /dev/vg0/vol 0 $((32 * 1024)) first

say "data"
run 'lvdiff vg0/s0 vg0/vol | tee first.diff | lvpatch -g vg1 -l s0 s1'
run 'lvpatch -g vg1 -l i0 i1 < first.diff'
expect_same /dev/vg0/vol /dev/vg1/s1
expect_same /dev/vg0/vol /dev/vg1/i1
expect_equal "$(field vg0/vol data_percent)" 50.00 "what is mapped"
expect_mapped vg0/vol vg1/s1
expect_equal "$(used vg1/pool0)" 512 "chunks in use"

say "discards: one chunk, a run, parts of chunks, and over what is unmapped"
run lvcreate -s -kn -n s1 vg0/vol
discard /dev/vg0/vol 64 64
discard /dev/vg0/vol 1024 8192
discard /dev/vg0/vol 16000 500
discard /dev/vg0/vol $((31 * 1024)) 4096
run 'lvdiff -q --list vg0/s1 vg0/vol | rows'
[[ $OUTPUT != *changed* ]] || fail "a discard changed something"
run 'lvdiff vg0/s1 vg0/vol | tee discards.diff | lvpatch -g vg1 -l s1 s2'
expect_text "0 bytes of data, 0 bytes of zeros, 9.5 MiB unmapped"
expect_same /dev/vg0/vol /dev/vg1/s2
[ "$(field vg0/vol data_percent)" != 50.00 ] || fail "nothing was unmapped"
expect_mapped vg0/vol vg1/s2
expect_equal "$(used vg1/pool0)" 512 "chunks in use, the base's"

say "where the pool ignores discards, they become zeros"
run 'lvpatch -g vg1 -l i1 i2 < discards.diff'
expect_same /dev/vg0/vol /dev/vg1/i2
expect_equal "$(field vg1/i2 data_percent)" 50.00 "what is mapped"

say "a device without a pool: a discard would leave it open what is read there later"
content /dev/vg0/s1 > loop.img
loop=$(losetup -f --show loop.img)
run "lvpatch --device $loop < discards.diff"
expect_same /dev/vg0/vol "$loop"
expect_equal "$(io_stat "$loop" 12)" 0 "discards that $loop was sent"
run blkdiscard -l 65536 "$loop"
expect_equal "$(io_stat "$loop" 12)" 1 "discards that $loop was sent, by blkdiscard"
run losetup -d "$loop"
rm loop.img

say "zeros: over data, and over what is unmapped"
run lvcreate -s -kn -n s2 vg0/vol
zero /dev/vg0/vol $((20 * 1024)) 1024
zero /dev/vg0/vol $((40 * 1024)) 8192
before=$(used vg1/pool0)
run 'lvdiff vg0/s2 vg0/vol | lvpatch -g vg1 -l s2 s3'
expect_text "0 bytes of data, 9.0 MiB of zeros, 0 bytes unmapped"
expect_same /dev/vg0/vol /dev/vg1/s3
expect_mapped vg0/s2 vg1/s3
expect_equal "$(used vg1/pool0)" $((before + 16)) "chunks in use, with those for zeros over data"

say "one chunk with data between others with zeros"
run lvcreate -s -kn -n s3 vg0/vol
zero /dev/vg0/vol $((56 * 1024)) 1024
fill /dev/vg0/vol $((56 * 1024 + 500)) 8
before=$(used vg1/pool0)
run 'lvdiff vg0/s3 vg0/vol | lvpatch -g vg1 -l s3 s4'
expect_same /dev/vg0/vol /dev/vg1/s4
expect_equal "$(used vg1/pool0)" $((before + 1)) "chunks in use"

say "a volume that is all discarded"
run lvcreate -s -kn -n s4 vg0/vol
run blkdiscard /dev/vg0/vol
expect_equal "$(field vg0/vol data_percent)" 0.00 "what is mapped"
before=$(used vg1/pool0)
run 'lvdiff -d 3 vg0/s4 vg0/vol | lvpatch -g vg1 -l s4 s5'
expect_same /dev/vg0/vol /dev/vg1/s5
expect_equal "$(field vg1/s5 data_percent)" 0.00 "what is mapped"
expect_equal "$(used vg1/pool0)" "$before" "chunks in use"

say "and nothing at all"
run lvcreate -s -kn -n s5 vg0/vol
run 'lvdiff -d 3 vg0/s5 vg0/vol | lvpatch -g vg1 -l s5 s6'
expect_text "in 0 records"
expect_same /dev/vg0/vol /dev/vg1/s6
no_leftovers
check_pool vg0/pool0 vg1/pool0 vg1/ignore
