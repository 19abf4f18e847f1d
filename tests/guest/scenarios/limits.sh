# Limits of the system: a run ends, rightly or with an error that names the limit, and leaves nothing.
source /run/guest/lib.sh
source /run/guest/pids.sh

make_twins 16
fill /dev/vg0/vol0 $((4 * 1024)) $((12 * 1024)) new
run lvchange -K -an vg0/sp0
run 'lvdiff -q vg0/sp0 vg0/vol0 > /tmp/diff'
limit_processes
remember /dev/vg1/sp0

DIFF='lvdiff --snapshot vg0/sp0 vg0/vol0 > /tmp/got'
PATCH='lvpatch -g vg1 -l sp0 new < /tmp/diff'

# expect_right: what a run made that ended well.
expect_right() {
	if [ "$1" = "$DIFF" ]; then
		cmp <(mangle records < /tmp/got) <(mangle records < /tmp/diff) || fail "it leads elsewhere"
	else
		expect_same /dev/vg1/new /dev/vg0/vol0
		run lvremove -q -y vg1/new
	fi
	unchanged
}

say "few threads: fewer work"
for n in 3 4 8; do
	at_most $n
	for command in "$DIFF" "$PATCH"; do
		run "$LIMITED $command"
		expect_right "$command"
	done
done

say "too few: an error, and what was made is removed"
at_most 2
refused 1 "$LIMITED $DIFF"
expect_text "no thread can be started for writing the output"
refused 1 "$LIMITED $PATCH"
expect_text "the limit of processes is reached"
at_most 1
refused 1 "$LIMITED $DIFF"
expect_text "lvs could not be started: the limit of processes is reached"
refused 1 "$LIMITED $PATCH"
expect_text "no thread can be started for"

say "a signal ends a run that is at its limit"
at_most max
start_diff --snapshot vg0/sp0 vg0/vol0
wait_until temporary_volume vg0
echo "$PID" > "$PIDS/cgroup.procs"
at_most 3
kill -TERM "$PID"
ended 20
expect_equal "$STATUS" 1 "the exit status"
expect_text "interrupted by SIGTERM"
stop_other_end
unchanged
no_limits

say "few file descriptors"
for n in 7 11 13 20; do
	for command in "$DIFF" "$PATCH"; do
		status=0
		show "ulimit -n $n; $command"
		bash -c "ulimit -n $n; exec $command" 2> /tmp/said || status=$?
		cat /tmp/said
		if [ $status = 0 ]; then
			expect_right "$command"
			continue
		fi
		expect_equal $status 1 "the exit status"
		if grep -q panicked /tmp/said; then
			fail "it panicked"
		fi
		unchanged
	done
done
expect_equal $status 0 "the exit status with the most"
no_leftovers vg1/sp0
