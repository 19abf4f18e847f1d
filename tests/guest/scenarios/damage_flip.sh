# A stream with one bit inverted is refused wherever the bit is, and leaves nothing behind. Two
# hundred bits: 120 spread over the whole stream, and, because most of that is data, 80 more spread
# over everything else. The file /run/out/part, if there, says which part of them, for example 1/2.
#@ parts: 2
source /run/guest/lib.sh

part=1/1
[ ! -e /run/out/part ] || part=$(< /run/out/part)
seed=20261121
RANDOM=$seed
echo "(part $part of the flips of seed $seed)"

make_twins 4
run 'lvdiff vg0/sp0 vol0 > /tmp/sound'
size=$(stat -c %s /tmp/sound)
run 'mangle boundaries < /tmp/sound'

# Where everything lies that is not the content of a data frame.
begins=(0) lengths=(15) rest=15
while read -r _ kind begin length; do
	[ "$kind" != DATA ] || length=80
	begins+=("$begin") lengths+=("$length")
	rest=$((rest + length))
done <<< "$OUTPUT"
[ "${#begins[@]}" = 9 ] || fail "a stream with other frames"

# below N: a number from 0 to N - 1, in $number: RANDOM has 15 bits.
below() {
	number=$((((RANDOM << 15) | RANDOM) % $1))
}

bits=()
for ((i = 0; i < 120; i++)); do
	below $((size / 120))
	byte=$((i * size / 120 + number))
	below 8
	bits+=($((8 * byte + number)))
done
for ((i = 0; i < 80; i++)); do
	below $((rest / 80))
	byte=$((i * rest / 80 + number))
	for ((j = 0; byte >= lengths[j]; j++)); do
		byte=$((byte - lengths[j]))
	done
	below 8
	bits+=($((8 * (begins[j] + byte) + number)))
done
[ "${#bits[@]}" = 200 ] || fail "${#bits[@]} flips"

run 'lvpatch --verify < /tmp/sound'
remember /dev/vg1/sp0
for ((i = ${part%/*} - 1; i < 200; i += ${part#*/})); do
	bit=${bits[i]}
	echo "(flip $i: bit $((bit % 8)) of byte $((bit / 8)))"
	mangle flip "$bit" < /tmp/sound > /tmp/flipped
	! cmp -s /tmp/sound /tmp/flipped || fail "nothing was flipped"
	refused 4 'lvpatch -g vg1 -l sp0 < /tmp/flipped'
done
no_leftovers

say "unflipped, it is applied"
run 'lvpatch -g vg1 -l sp0 < /tmp/sound'
expect_equal "$(sum /dev/vg1/vol0)" "$(sum /dev/vg0/vol0)" "the new volume"
no_leftovers
