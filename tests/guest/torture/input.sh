# Streams that are damaged before lvpatch reads them.

# damaged OPERATION…: lvpatch reads what mangle makes of the stream. $CODES are how it may end.
damaged() {
	remember
	run "mangle $* < /tmp/struck > /tmp/damaged"
	! cmp -s /tmp/struck /tmp/damaged || fail "it is not damaged"
	mv /tmp/damaged /tmp/struck
	background "$PATCH $INPUT"
	ended 60
	# shellcheck disable=SC2086
	may_fail $CODES
	unchanged
}
CODES=4

# one_stream: the run reads one stream, with $FRAMES frames.
one_stream() {
	cp "/tmp/d$HIT" /tmp/struck
	NEW=s$HIT EXPECTED=${SUMS[HIT]}
	FRAMES=$(mangle boundaries < /tmp/struck | wc -l)
}

# A chain that is cut between two streams is a shorter chain: not there.
fault_input_cut() {
	some_bytes
	local i end=0
	for ((i = HIT; i < LAST; i++)); do
		end=$((end + $(stat -c %s "/tmp/d$i")))
		[ "$BYTES" != "$end" ] || BYTES=$((BYTES - 1))
	done
	damaged cut "$BYTES"
}

fault_input_bit_flipped() {
	local bit
	draw bit $(($(stat -c %s /tmp/struck) * 8))
	damaged flip "$bit"
}

fault_records_swapped() {
	local i j
	one_stream
	draw i "$FRAMES"
	draw j $((FRAMES - 1))
	damaged swap "$i" $((j < i ? j : j + 1))
}

fault_record_doubled() {
	local i
	one_stream
	draw i "$FRAMES"
	damaged double "$i"
}

fault_record_dropped() {
	local i
	one_stream
	draw i "$FRAMES"
	damaged drop "$i"
}

fault_streams_spliced() {
	local other frames i
	one_stream
	draw other "$LAST"
	((other < HIT)) || other=$((other + 1))
	frames=$(mangle boundaries < "/tmp/d$other" | wc -l)
	draw i $(((FRAMES < frames ? FRAMES : frames) - 1))
	# Where nothing but the header is taken, the other stream's base digests come next: its base is another one.
	((i > 0)) || CODES="4 3"
	damaged splice "/tmp/d$other" $((i + 1))
}
