# Pools that do not zero what they allocate (lvcreate -Z n): there, the rest of a fresh chunk of
# which a part is written shows what it held before.
source /run/guest/lib.sh

say "disks that are full of old data"
fill /dev/ubda 0 $((400 * 1024)) "old data"
fill /dev/ubdb 0 $((400 * 1024)) "other old data"
make_vgs

# zero_bytes DEVICE: how many of its bytes are zeros.
zero_bytes() {
	dd if="$1" bs=1M iflag=direct status=none | tr -cd '\0' | wc -c
}

level=0
# Whether the source's and the target's chunks are zeroed: y or n. Every pool is a new one, where
# no other has left zeros.
for pair in 64nn 64yn 64ny 1024nn 4096nn 4096yn 4096ny; do
	chunk=${pair%[ny][ny]}
	zeroes=${pair#"$chunk"}
	say "chunks of $chunk KiB, zeroed in the two pools: ${zeroes:0:1}, ${zeroes:1:1}"
	pool=pool$pair
	make_pool vg0 "$pool" "${chunk}k" 32M -Z "${zeroes:0:1}"
	make_pool vg1 "$pool" "${chunk}k" 32M -Z "${zeroes:1:1}"
	if [ "${zeroes:1:1}" = n ]; then
		# What lvpatch writes to must be able to show it.
		run lvcreate -T "vg1/$pool" -V 16M -n probe
		fill /dev/vg1/probe "$chunk" 4
		[ "$(zero_bytes /dev/vg1/probe)" -le $((16777216 - chunk * 1024)) ] ||
			fail "a part of a chunk was written, and the rest shows no old data"
		run lvremove -q -y vg1/probe
	fi

	vol=$pair
	run lvcreate -T "vg0/$pool" -V 16M -n "$vol"
	run lvcreate -T "vg1/$pool" -V 16M -n "$vol.0"
	run lvcreate -s -n "$vol.0" "vg0/$vol"
	# A little at the beginning, at the end and in the middle of a chunk; two neighbours.
	fill "/dev/vg0/$vol" 0 4 a
	fill "/dev/vg0/$vol" $((2 * chunk - 4)) 8 b
	zero "/dev/vg0/$vol" $((3 * chunk + chunk / 2)) 4
	run "lvdiff -d $level vg0/$vol.0 vg0/$vol | lvpatch -g vg1 -l $vol.0 $vol.1"
	expect_same "/dev/vg0/$vol" "/dev/vg1/$vol.1"

	run lvcreate -s -n "$vol.1" "vg0/$vol"
	discard "/dev/vg0/$vol" 0 "$chunk"
	fill "/dev/vg0/$vol" $((chunk / 2)) 4 c
	zero "/dev/vg0/$vol" "$chunk" $((chunk / 2))
	fill "/dev/vg0/$vol" $((3 * chunk + 4)) 4 d
	# The copy is one of the live volume, by its tag, and only a proof tells that it is also one of the
	# snapshot.
	trust=
	[ "$level" != 0 ] || trust=--no-base-check
	run "lvdiff -d $level vg0/$vol.1 vg0/$vol | lvpatch $trust -g vg1 -l $vol.1 $vol.2"
	expect_same "/dev/vg0/$vol" "/dev/vg1/$vol.2"
	level=$(((level + 1) % 4))
done

say "an external origin that ends inside a chunk: what follows it there shows old data, too"
for vg in vg0 vg1; do run lvremove -q -y "$vg"; done
make_pool vg0 odd 192k 64M
make_pool vg1 odd 192k 64M -Z n
run lvcreate -y -L 16M -n thick vg1
fill /dev/vg1/thick 0 16384 origin
run lvchange -q -an vg1/thick
run lvchange -q -pr vg1/thick
run lvcreate -q -s --thinpool odd -n ends vg1/thick
run lvcreate -q -s -kn -n longer vg1/ends
run lvextend -q -L 24M vg1/longer
run lvchange -q -ay -K vg1/ends
run lvcreate -T vg0/odd -V 16M -n ends
fill /dev/vg0/ends 0 16384 origin
run lvcreate -q -s -kn -n longer vg0/ends
run lvextend -q -L 24M vg0/longer
expect_same /dev/vg0/longer /dev/vg1/longer
# The chunk that begins at 16320 KiB has 64 KiB of the origin.
run lvcreate -q -s -kn -n probe vg1/longer
fill /dev/vg1/probe 16320 4
[ "$(content /dev/vg1/probe | tail -c 8M | tr -d '\0' | wc -c)" != 0 ] ||
	fail "a part of a chunk was written, and the rest shows no old data"
run lvremove -q -y vg1/probe
for kind in data zeros discard past; do
	run lvcreate -q -s -kn -n "$kind" vg0/longer
	case $kind in
	data) fill "/dev/vg0/$kind" 16320 4 ;;
	zeros) zero "/dev/vg0/$kind" 16380 4 ;;
	discard) discard "/dev/vg0/$kind" 15936 768 ;;
	past) fill "/dev/vg0/$kind" 16400 4 ;;
	esac
	run "lvdiff -q -d 3 --granularity 4K vg0/longer vg0/$kind > $kind.diff"
	run lvcreate -q -s -kn -n "$kind.itself" vg1/longer
	run "lvpatch -q -g vg1 -l longer $kind < $kind.diff"
	expect_same "/dev/vg0/$kind" "/dev/vg1/$kind"
	case $kind in
	zeros | discard) run "lvpatch -q --device /dev/vg1/$kind.itself < $kind.diff" ;;
	*) run "lvpatch -q --in-place -g vg1 -l $kind.itself < $kind.diff" ;;
	esac
	expect_same "/dev/vg0/$kind" "/dev/vg1/$kind.itself"
done
run 'lvdiff -q -d 3 --granularity 4K vg0/ends vg0/data | lvpatch -q -g vg1 -l ends grown'
expect_same /dev/vg0/data /dev/vg1/grown
no_leftovers

say "chunks of another size: what is unmapped begins inside a chunk, and the next one is unmapped whole"
for vg in vg0 vg1; do run lvremove -q -y "$vg"; done
# 192 to 512: a chunk and a half. 192 to 1536: larger than what is looked at at once.
for chunk in 512 1536; do
	make_pool vg0 "from$chunk" 192k 32M -Z n
	make_pool vg1 "to$chunk" "${chunk}k" 32M -Z n
	# All of the pool but a chunk: whatever is allocated later shows it.
	run lvcreate -T "vg1/to$chunk" -V 32M -n old
	fill /dev/vg1/old 0 $((32768 - chunk)) "old data"
	run lvremove -q -y vg1/old
	run lvcreate -T "vg0/from$chunk" -V 12M -n "u$chunk"
	fill "/dev/vg0/u$chunk" 0 12288 a
	run lvcreate -q -s -kn -n "u$chunk.0" "vg0/u$chunk"
	run "lvdiff -q vg0/u$chunk.0 | lvpatch -q -g vg1 -p to$chunk --allow-chunk-mismatch"
	# Whichever of the first two the kernel skips.
	discard "/dev/vg0/u$chunk" 1920 6144
	run "lvdiff -q vg0/u$chunk.0 vg0/u$chunk | lvpatch -q -g vg1 -l u$chunk.0 --allow-chunk-mismatch"
	run lvchange -q -K -ay "vg1/u$chunk"
	expect_same "/dev/vg0/u$chunk" "/dev/vg1/u$chunk"
done
no_leftovers
