# Volumes that were resized between base and target.
#@ also on: debian-13
source /run/guest/lib.sh

# Extents smaller than a chunk, so that a volume can end within one.
run vgcreate -y -s 32k vg0 /dev/ubda
run vgcreate -y -s 32k vg1 /dev/ubdb
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M

# step NAME: what changed since the last step goes to vg1, and is the same there.
step() {
	local level
	run lvcreate -s -n "$1" vg0/vol
	for level in 0 1 2 3; do
		run "lvdiff -q -d $level vg0/$LAST vg0/$1 | lvpatch -q -g vg1 -l $LAST $1.$level"
		run lvchange -ay -K "vg0/$1"
		expect_same "/dev/vg0/$1" "/dev/vg1/$1.$level"
		run lvchange -an "vg0/$1"
	done
	run lvrename vg1 "$1.0" "$1"
	# What changed back, too.
	run "lvdiff -q -d 3 vg0/$1 vg0/$LAST | lvpatch -q -g vg1 -l $1 $1.back"
	run lvchange -ay -K "vg0/$LAST"
	expect_same "/dev/vg0/$LAST" "/dev/vg1/$1.back"
	run lvchange -an "vg0/$LAST"
	run lvremove -q -y "vg1/$1.1" "vg1/$1.2" "vg1/$1.3" "vg1/$1.back"
	no_leftovers
	LAST=$1
}

# resize SIZE_KIB: the volume gets this size.
resize() {
	run lvresize -q -y -f -L "${1}k" vg0/vol
	expect_equal "$(byte_size /dev/vg0/vol)" $(($1 * 1024)) "the size"
}

run lvcreate -T vg0/pool0 -V 32M -n vol
fill /dev/vg0/vol 0 20000
fill /dev/vg0/vol 30000 2768 "up to the end"
run lvcreate -s -n s0 vg0/vol
run 'lvdiff -q vg0/s0 | lvpatch -q -g vg1 -p pool0'
LAST=s0

say "it grew, and was written to there"
resize 49184
fill /dev/vg0/vol 24000 1200 "where it will end"
fill /dev/vg0/vol 32000 4000 "across the old end"
fill /dev/vg0/vol 48000 1184 "up to the new end, within a chunk"
run 'lvdiff -q --list vg0/s0 vg0/vol | rows'
[[ $OUTPUT != *unmapped* ]] || fail "something was unmapped"
step grown

say "it grew, and nothing else"
resize 65536
step larger

say "it shrank below what is mapped, to within a chunk"
resize 24608
discard /dev/vg0/vol 1024 2048
run 'lvdiff -q --list vg0/larger vg0/vol | rows'
expect_equal "$(awk '{ if ($1 + $2 > end) end = $1 + $2 } END { print (end <= 24608 * 1024) }' <<< "$OUTPUT")" 1 \
	"within the volume"
step shrunk

say "it grew again: what was mapped there shows again, and not one mapping differs"
resize 65536
run 'lvdiff -q --list vg0/shrunk vg0/vol | rows'
[[ $OUTPUT == "$((24608 * 1024)) "*changed* ]] || fail "what shows again is not listed"
[[ $OUTPUT != *unmapped* ]] || fail "something was unmapped"
step again

say "it shrank and grew in between, and was written to"
resize 1024
resize 8224
fill /dev/vg0/vol 100 3000 "while it was small"
discard /dev/vg0/vol 4096 2048
resize 40960
discard /dev/vg0/vol 20480 4096
fill /dev/vg0/vol 39000 500 "large again"
step last

say "the chunk in which the base ends is unmapped in the target"
resize 39072
step cut
resize 50048
discard /dev/vg0/vol 39040 64
run 'lvdiff -q --list vg0/cut vg0/vol | rows'
expect_equal "${OUTPUT%%$'\n'*}" "$((39040 * 1024)) $((32 * 1024)) unmapped" "what is unmapped, as far as the base goes"
step uncut

say "both end inside a chunk: the parts are less than the chunks that are written to"
resize 39072
step part
resize 39200
fill /dev/vg0/vol 39072 128 parts
step parts

say "blocks inside the chunks, across the base's end"
run 'lvdiff -q --granularity 4K vg0/shrunk vg0/again | lvpatch -q -g vg1 -l shrunk fine'
expect_equal "$(sum /dev/vg1/fine)" "$(sum /dev/vg1/again)" "the new volume"
run 'lvdiff -q --granularity 512 vg0/again vg0/shrunk | lvpatch -q -g vg1 -l again fine2'
expect_equal "$(sum /dev/vg1/fine2)" "$(sum /dev/vg1/shrunk)" "the new volume"

say "a base of another size than the one that was diffed"
refused_before=$(lvs --noheadings -o lv_name vg1 | sort)
expect_exit 3 'lvdiff -q -d 0 vg0/shrunk vg0/again | lvpatch -q -g vg1 -l grown wrong'
expect_equal "$(lvs --noheadings -o lv_name vg1 | sort)" "$refused_before" "the volumes"
no_leftovers
check_pool vg0/pool0 vg1/pool0
