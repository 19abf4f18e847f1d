# Several runs at once on one pool: they share what they must, wait for each other where they must,
# and come to what each of them would have come to alone.
source /run/guest/lib.sh

make_twins 16
fill /dev/vg0/vol0 4096 4096 more
run lvcreate -s -kn -n vol1 vg0/vol0
fill /dev/vg0/vol1 256 64 newer
fill /dev/vg0/vol1 8192 4096 newer
# The base, inactive, holds what the twin holds.
run lvchange -ay -K vg0/sp0
expect_equal "$(sum /dev/vg0/sp0)" "$(sum /dev/vg1/sp0)" "the twin"
run lvchange -an vg0/sp0
run lvchange -an vg1/sp0

# alone VOLUME: what lvdiff says of it when it runs alone, but for the header, which has the time.
alone() {
	run "lvdiff -d 0 vg0/sp0 $1 | mangle records > /tmp/alone.$1"
	[ -s "/tmp/alone.$1" ] || fail "an empty diff"
}
alone vol0
alone vol1
! cmp -s /tmp/alone.vol0 /tmp/alone.vol1 || fail "the two are the same"
declare -A expected=([vol0]=$(sum /dev/vg0/vol0) [vol1]=$(sum /dev/vg0/vol1))
run 'lvdiff -d 3 vg0/sp0 vol0 > /tmp/stream'
remember

# together COMMAND…: runs the lines at the same time; all succeed. The output of the nth is in
# /tmp/out.N.
together() {
	local i=0 line pids=() status
	for line; do
		i=$((i + 1))
		show "$line &"
		bash -o pipefail -c "$line" > "/tmp/out.$i" 2> "/tmp/err.$i" &
		pids+=($!)
	done
	for ((i = 1; i <= $#; i++)); do
		status=0
		wait "${pids[i - 1]}" || status=$?
		cat "/tmp/err.$i"
		[ "$status" = 0 ] || fail "exit status $status: ${!i}"
		! grep -q "run that was killed" "/tmp/err.$i" || fail "one took the other's for a leftover"
	done
}

# right STREAM VOLUME: the stream says of the volume what one says that was made alone.
right() {
	run "mangle records < $1 | cmp - /tmp/alone.$2"
}

for ((round = 1; round <= 5; round++)); do
	say "round $round: the same base, different volumes"
	together 'lvdiff -d 3 vg0/sp0 vol0' 'lvdiff vg0/sp0 vol1'
	right /tmp/out.1 vol0
	right /tmp/out.2 vol1
	unchanged

	say "round $round: the same base and the same volume, one with a snapshot"
	together 'lvdiff vg0/sp0 vol0' 'lvdiff --snapshot -d 1 vg0/sp0 vol0' 'lvdiff -d 3 vg0/sp0 vol0'
	right /tmp/out.1 vol0
	right /tmp/out.2 vol0
	right /tmp/out.3 vol0
	unchanged

	say "round $round: a diff and a patch on one pool, with one base"
	together 'lvdiff -d 3 vg0/sp0 vol0' 'lvpatch -g vg0 -l sp0 new < /tmp/stream' 'lvdiff vg0/sp0 vol1'
	right /tmp/out.1 vol0
	right /tmp/out.3 vol1
	expect_equal "$(sum /dev/vg0/new)" "${expected[vol0]}" "the new volume"
	run lvremove -y vg0/new
	unchanged

	say "round $round: through a pipe, to one base"
	together 'lvdiff -d 3 vg0/sp0 vol0 | lvpatch -g vg1 -l sp0' \
		'lvdiff -d 3 vg0/sp0 vol1 | lvpatch -g vg1 -l sp0'
	for volume in vol0 vol1; do
		expect_equal "$(sum "/dev/vg1/$volume")" "${expected[$volume]}" "vg1/$volume"
		run lvremove -y "vg1/$volume"
	done
	unchanged
done

say "many"
together 'lvdiff vg0/sp0 vol0' 'lvdiff vg0/sp0 vol1' 'lvdiff -d 3 vg0/sp0 vol0' 'lvdiff --list vg0/sp0 vol0' \
	'lvdiff --snapshot vg0/sp0 vol1' 'lvdiff -d 1 vg0/vol0 vol1'
right /tmp/out.1 vol0
right /tmp/out.2 vol1
right /tmp/out.3 vol0
right /tmp/out.5 vol1
unchanged

say "a run whose reader stops holds up nobody"
fill /dev/vg0/vol0 4096 12288 large
alone vol0
remember
start_diff vg0/sp0 vol0
run 'lvdiff vg0/sp0 vol1 > /tmp/out.1'
[[ $OUTPUT != *"waiting for another run"* ]] || fail "it waited"
right /tmp/out.1 vol1
expect_equal "$(field vg0/sp0 lv_active)" active "the base, which the other still reads"
expect_equal "$(pool_status vg0/pool0 held)" - "the metadata snapshot while data is copied"
go_on
ended 20
expect_equal "$STATUS" 0 "the status"
wait_until [ ! -e "/proc/$OTHER_END" ]
right /tmp/.taken vol0
stop_other_end
unchanged

say "of two that share the base, the one that is left puts it back, whatever became of the other"
for signal in TERM KILL; do
	start_diff vg0/sp0 vol0
	first=$PID
	rm -f /tmp/pipe
	mkfifo /tmp/pipe
	{ sleep 3; cat > /tmp/out.1; } < /tmp/pipe &
	reader=$!
	lvdiff vg0/sp0 vol0 2> /tmp/other > /tmp/pipe &
	second=$!
	sleep 1
	kill "-$signal" "$first"
	ended 5
	stop_other_end
	expect_equal "$(field vg0/sp0 lv_active)" active "the base, which the second still reads"
	wait "$second" || fail "the second failed: $(< /tmp/other)"
	wait "$reader"
	right /tmp/out.1 vol0
	unchanged
done
no_leftovers
