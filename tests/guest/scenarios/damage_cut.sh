# A stream that ends too early is refused wherever it ends, and leaves nothing behind.
source /run/guest/lib.sh

make_twins 4
run 'lvdiff vg0/sp0 vol0 > /tmp/sound'
size=$(stat -c %s /tmp/sound)
run 'mangle boundaries < /tmp/sound'
kinds=$(awk '{ printf "%s ", $2 }' <<< "$OUTPUT")
[ "$kinds" = "HEAD BASE DATA ZERO DISC DATA INDX TAIL " ] || fail "a stream with other frames: $kinds"

# The first line's end; each frame's begin, the middle of its 80 bytes, its content's begin and
# middle, and one byte short of its end.
places=(1 14)
while read -r _ _ begin length; do
	places+=("$begin" $((begin + 40)) $((begin + length - 1)))
	((length == 80)) || places+=($((begin + 80)) $((begin + 80 + (length - 80) / 2)))
done <<< "$OUTPUT"
echo "(cuts at ${places[*]} of $size)"
[ "${#places[@]}" -ge 25 ] || fail "too few places"

remember /dev/vg1/sp0

say "no input at all"
refused 4 'lvpatch -g vg1 -l sp0 < /dev/null'
expect_text "empty"
refused 4 'printf "" | lvpatch -g vg1 -l sp0'
expect_exit 4 'lvpatch --verify < /dev/null'

say "cut in a file, and in a pipe"
for place in "${places[@]}"; do
	mangle cut "$place" < /tmp/sound > /tmp/cut
	expect_exit 4 'cat /tmp/cut | lvpatch --verify'
	expect_text "byte $place"
	refused 4 'lvpatch -g vg1 -l sp0 < /tmp/cut'
	expect_text "cut"
	expect_text "byte $place"
done

say "the base inactive: it is inactive again"
run lvchange -an vg1/sp0
remember
for place in $((size / 2)) $((size - 1)); do
	mangle cut "$place" < /tmp/sound > /tmp/cut
	refused 4 'cat /tmp/cut | lvpatch -g vg1 -l sp0'
done
no_leftovers

say "uncut, it is applied"
run 'lvpatch -g vg1 -l sp0 < /tmp/sound'
expect_equal "$(sum /dev/vg1/vol0)" "$(sum /dev/vg0/vol0)" "the new volume"
no_leftovers
