# Chunk sizes, and volumes that end within a chunk. Changes of every kind go from pool to pool, at
# every detect level.
source /run/guest/lib.sh

RANDOM=20261121

# change DEVICE CHUNK_KIB SIZE_KIB ROUND: writes, zeros and discards of all kinds.
change() {
	local device=$1 chunk=$2 size=$3 round=$4 i
	local tail=$((size - size % chunk))
	for ((i = 0; i < 6; i++)); do
		fill "$device" $((RANDOM % (size - 256) / 4 * 4)) $((4 + RANDOM % 200 / 4 * 4)) "$round.$i"
	done
	fill "$device" "$chunk" "$chunk" "whole $round"
	case $round in
	0) fill "$device" "$tail" $((size - tail)) "the partial chunk at the end" ;;
	1)
		# The kernel passes over the chunk in part: it keeps its data.
		discard "$device" $((tail - chunk)) $((chunk + size - tail))
		discard "$device" 0 $((chunk + 4))
		zero "$device" $((2 * chunk)) "$chunk"
		zero "$device" $((3 * chunk - 4)) 8
		;;
	2) zero "$device" "$tail" $(((size - tail) / 2)) ;;
	esac
}

# Extents smaller than a chunk, so that a volume can end within one.
run vgcreate -y -s 32k vg0 /dev/ubda
run vgcreate -y -s 32k vg1 /dev/ubdb
level=0
for chunk in 64 192 1024 4096; do
	size=$((16 * 1024 + chunk / 2))
	say "chunks of $chunk KiB, a volume of $size KiB"
	pool=pool$chunk
	vol=vol$chunk
	make_pool vg0 "$pool" "${chunk}k" 96M
	make_pool vg1 "$pool" "${chunk}k" 96M
	run lvcreate -T "vg0/$pool" -V "${size}k" -n "$vol"
	run lvcreate -T "vg1/$pool" -V "${size}k" -n "$vol.0"
	expect_equal "$(byte_size "/dev/vg0/$vol")" $((size * 1024)) "the volume's size"
	[ $((size % chunk)) != 0 ] || fail "the size is a multiple of the chunk"
	for round in 0 1 2; do
		run lvcreate -s -n "$vol.$round" "vg0/$vol"
		change "/dev/vg0/$vol" "$chunk" "$size" "$round"
		# The copy is one of the live volume, by its tag, and only a proof tells that it is also one of
		# the snapshot.
		trust=
		[ "$level" != 0 ] || trust=--no-base-check
		run "lvdiff -d $level vg0/$vol.$round vg0/$vol | lvpatch $trust -g vg1 -l $vol.$round $vol.$((round + 1))"
		expect_same "/dev/vg0/$vol" "/dev/vg1/$vol.$((round + 1))"
		level=$(((level + 1) % 4))
	done

	# Back to the beginning in one step: everything that is mapped goes, the partial chunk at the
	# end included, which no discard can unmap.
	run "lvdiff -d 3 vg0/$vol vg0/$vol.0 | lvpatch -g vg1 -l $vol.3 $vol.back"
	run lvchange -ay -K "vg0/$vol.0"
	expect_same "/dev/vg0/$vol.0" "/dev/vg1/$vol.back"
	# The kernel cuts a discard where it takes a chunk to begin, by a rule for powers of two, and then
	# passes over the parts: of 192 KiB, some chunks are never unmapped.
	read -r _ _ _ mapped _ < <(dmsetup status "vg1-$vol.back")
	[ "$chunk" = 192 ] || [ "$mapped" -le $((chunk * 2)) ] ||
		fail "$mapped sectors are still mapped in $vol.back"
	run lvchange -an "vg0/$vol.0"
done
no_leftovers
check_pool vg{0,1}/pool{64,192,1024,4096}
