# Streams whose every frame is sound, but not all there, or not in its place.
source /run/guest/lib.sh

make_twins 4
run 'lvdiff -d 0 vg0/sp0 vol0 > /tmp/sound'
run 'mangle boundaries < /tmp/sound'
kinds=$(awk '{ printf "%s ", $2 }' <<< "$OUTPUT")
[ "$kinds" = "HEAD DATA ZERO DISC DATA INDX TAIL " ] || fail "a stream with other frames: $kinds"

# Another stream with frames of the same kinds, ranges and sizes, and other bytes in the first data.
run lvcreate -s -kn -n vol1 vg0/vol0
fill /dev/vg0/vol1 256 128 other
run 'lvdiff -d 0 vg0/sp0 vol1 > /tmp/other'

remember /dev/vg1/sp0

# flawed TEXT COMMAND [STATUS]: what COMMAND makes of the sound stream is refused, and TEXT is said
# of it.
flawed() {
	local status=${3:-4}
	show "$2 < /tmp/sound > /tmp/flawed"
	bash -c "$2" < /tmp/sound > /tmp/flawed
	! cmp -s /tmp/sound /tmp/flawed || fail "nothing was done to it"
	expect_exit "$status" 'lvpatch --verify < /tmp/flawed'
	expect_text "$1"
	refused "$status" 'lvpatch -g vg1 -l sp0 < /tmp/flawed'
	expect_text "$1"
}

say "two records in each other's place"
for pair in "1 2" "2 3" "1 4" "4 5" "5 6" "0 1"; do
	flawed "instead of frame" "mangle swap $pair"
done

say "a record twice, and a record missing"
for frame in 0 1 2 3 4 5; do
	flawed "instead of frame" "mangle double $frame"
	flawed "instead of frame" "mangle drop $frame"
done
flawed "bytes after the trailer" "mangle double 6"
flawed "cut" "mangle drop 6"

say "the head of one stream and the tail of another: only the trailer tells"
for frame in 2 3 4 5 6; do
	flawed "digest does not match the stream" "mangle splice /tmp/other $frame"
done

say "something after the trailer"
flawed "does not follow" "cat - /tmp/sound" 3
flawed "does not follow" "cat - /tmp/other" 3
flawed "bytes after the trailer" "cat - <(printf x)"
flawed "bytes after the trailer" "cat - <(head -c 1 /dev/zero)"
flawed "bytes after the trailer" "cat - <(head -c 3000000 /dev/zero)"

say "something before the first line"
flawed "it begins with" "cat <(echo) -"

# A fault that numbers the frames anew gets past the numbers: order, counts and digest still tell.
say "the frames numbered anew"
flawed "" "mangle swap 1 2 | mangle renumber"
flawed "" "mangle swap 1 4 | mangle renumber"
flawed "" "mangle double 1 | mangle renumber"
flawed "the trailer counts" "mangle drop 1 | mangle renumber"
flawed "the trailer counts" "mangle drop 2 | mangle renumber"
flawed "the trailer counts" "mangle drop 3 | mangle renumber"

say "the trailer's digest made right as well"
flawed "" "mangle swap 1 2 | mangle forge"
flawed "" "mangle double 3 | mangle forge"
flawed "the trailer counts" "mangle drop 4 | mangle forge"

no_leftovers

say "mangle itself makes a sound stream where it should"
run 'mangle forge < /tmp/sound > /tmp/forged'
run cmp /tmp/sound /tmp/forged
run 'lvpatch -g vg1 -l sp0 < /tmp/forged'
expect_equal "$(sum /dev/vg1/vol0)" "$(sum /dev/vg0/vol0)" "the new volume"
no_leftovers
