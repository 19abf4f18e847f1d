# Pools of different chunk sizes: refused, unless that is allowed, and then right.
source /run/guest/lib.sh

make_vgs
number=0
# The source's chunks, the target's, and whether the target's pool zeroes them.
for case in 64:128:y 64:1024:n 1024:64:y 192:64:n 64:192:n 192:256:y; do
	IFS=: read -r from to zeroes <<< "$case"
	number=$((number + 1))
	say "from chunks of $from KiB to $to KiB, zeroed: $zeroes"
	make_pool vg0 "p$number" "${from}k" 32M
	make_pool vg1 "p$number" "${to}k" 48M -Z "$zeroes"
	vol=v$number
	run lvcreate -T "vg0/p$number" -V 24M -n "$vol"
	fill "/dev/vg0/$vol" 0 8192 base
	run lvcreate -T "vg1/p$number" -V 24M -n "$vol.0"
	copy_volume "/dev/vg0/$vol" "/dev/vg1/$vol.0"
	run lvcreate -s -n "$vol.0" "vg0/$vol"
	# Discards that begin and end inside the other pool's chunks; a little here and there.
	discard "/dev/vg0/$vol" "$((from * 3))" "$((from * 5))"
	fill "/dev/vg0/$vol" "$((from * 9 + 4))" 8 one
	zero "/dev/vg0/$vol" "$((from * 10))" "$from"
	fill "/dev/vg0/$vol" 12288 4 fresh
	fill "/dev/vg0/$vol" 16000 2500 fresh
	run "lvdiff -d 3 vg0/$vol.0 vg0/$vol > /tmp/stream"
	run "lvdiff -d 2 --granularity 4K vg0/$vol.0 vg0/$vol > /tmp/small"
	remember "/dev/vg1/$vol.0"
	refused 1 "lvpatch -g vg1 -l $vol.0 $vol.1 < /tmp/stream"
	expect_text "chunks of $((to * 1024)) bytes"
	expect_text "chunks of $((from * 1024)): "
	expect_text "--allow-chunk-mismatch"
	run "lvpatch --allow-chunk-mismatch -g vg1 -l $vol.0 $vol.1 < /tmp/stream"
	expect_same "/dev/vg0/$vol" "/dev/vg1/$vol.1"
	run "lvpatch --allow-chunk-mismatch -g vg1 -l $vol.0 $vol.2 < /tmp/small"
	expect_same "/dev/vg0/$vol" "/dev/vg1/$vol.2"
	no_leftovers
done
