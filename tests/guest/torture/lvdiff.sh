# Faults that meet lvdiff. A function `fault_NAME` makes the fault, runs what meets it, takes the fault
# away, and judges.

# to_file: $STRUCK is the run of lvdiff, which writes to /tmp/got in one of two ways.
to_file() {
	local how
	draw_word how '> /tmp/got' '-o /tmp/got'
	STRUCK="$DIFF $how"
}

# time_diff: $TOOK is how long that takes when nothing happens.
time_diff() {
	to_file
	time_of "$STRUCK"
	right_stream /tmp/got
	rm /tmp/got
}

# nothing_to_activate: LVM would load its own tables again, and take a fault away.
nothing_to_activate() {
	run lvchange -q -K -ay "vg0/$BASE" "vg0/s$HIT"
	DIFF=${DIFF/ --snapshot/}
}

fault_source_read_error() {
	nothing_to_activate
	remember /dev/vg0/vol0
	time_diff
	background "$STRUCK"
	# It takes a while to take effect.
	TOOK=$((TOOK / 2))
	wait_for_moment
	become vg0-pool0_tdata flakey 0 1000
	ended 60
	lift
	judge_diff /tmp/got 1
}

fault_source_bad_sectors() {
	local used
	nothing_to_activate
	remember /dev/vg0/vol0
	used=$(pool_status vg0/pool0 used_data)
	bad_blocks vg0-pool0_tdata $((${used%/*} * CHUNK / 4))
	to_file
	background "$STRUCK"
	ended 60
	lift
	judge_diff /tmp/got 1
}

# What of the metadata cannot be read may be what the kernel needs, too.
fault_metadata_bad_sectors() {
	local used
	nothing_to_activate
	remember /dev/vg0/vol0
	used=$(pool_status vg0/pool0 used_metadata)
	bad_blocks vg0-pool0_tmeta "${used%/*}"
	to_file
	background "$STRUCK"
	ended 60
	lift
	judge_diff /tmp/got 1 5
}

# signal_diff SIGNAL CODE…
signal_diff() {
	local signal=$1 to
	shift
	remember
	time_diff
	background "$STRUCK"
	wait_for_moment
	draw_word to '' -
	kill "-$signal" -- "$to$PID" 2> /dev/null || true
	echo "(SIG$signal)"
	ended 60
	judge_diff /tmp/got "$@"
}
fault_sigint_lvdiff() { signal_diff INT 1 130; }
fault_sigterm_lvdiff() { signal_diff TERM 1 143; }
fault_sighup_lvdiff() { signal_diff HUP 1 129; }
fault_sigpipe_lvdiff() { signal_diff PIPE 1 141; }

# A process that is killed says nothing and clears nothing up: the next run does.
fault_sigkill_lvdiff() {
	remember
	time_diff
	background "$STRUCK"
	wait_for_moment
	kill -KILL "$PID" 2> /dev/null || true
	echo "(SIGKILL)"
	ended 60
	wait_until no_lvm_command
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_stream /tmp/got
	else
		may_fail 137
		no_half_stream /tmp/got
	fi
	rm -f /tmp/got
	repeat_diff
}

fault_reader_goes_away() {
	local size
	remember
	size=$(stat -c %s "/tmp/d$HIT")
	rm -f /tmp/.pipe
	mkfifo /tmp/.pipe
	head -c $((size * MOMENT / 1000)) < /tmp/.pipe > /tmp/got &
	STRUCK="$DIFF > /tmp/.pipe"
	background "$STRUCK"
	ended 60
	rm /tmp/.pipe
	# What fits into the pipe is written, read or not: that is the reader's affair.
	[ "$STATUS" != 0 ] || cp "/tmp/d$HIT" /tmp/got
	judge_diff /tmp/got 1
}

fault_output_disk_full() {
	local size
	remember
	size=$(stat -c %s "/tmp/d$HIT")
	mkdir /tmp/small
	run mount -t tmpfs -o "size=$(((size * MOMENT / 1000 + 4095) / 4096 * 4096 + 4096))" none /tmp/small
	draw_word STRUCK "$DIFF > /tmp/small/got" "$DIFF -o /tmp/small/got"
	background "$STRUCK"
	ended 60
	if [[ $STATUS != 0 && $STRUCK == *' -o '* ]]; then
		expect_equal "$(ls -A /tmp/small)" "" "the folder"
	fi
	judge_diff /tmp/small/got 7
	expect_equal "$(ls -A /tmp/small)" "" "the folder"
	run umount /tmp/small
	rmdir /tmp/small
}

fault_metadata_snapshot_held() {
	run dmsetup message vg0-pool0-tpool 0 reserve_metadata_snap
	remember
	to_file
	background "$STRUCK"
	ended 60
	may_fail 6
	unchanged
	[ ! -s /tmp/got ] || fail "something was written all the same"
	[[ $STRUCK != *' -o '* || ! -e /tmp/got ]] || fail "a file was made all the same"
	rm -f /tmp/got
	run dmsetup message vg0-pool0-tpool 0 release_metadata_snap
	remember
	repeat_diff
}

fault_metadata_snapshot_released() {
	local delay
	nothing_to_activate
	remember
	draw delay 100
	slow vg0-pool0_tmeta $((delay + 20))
	to_file
	background "$STRUCK"
	until held vg0/pool0 || ! kill -0 "$PID" 2> /dev/null; do :; done
	sleep "$(ms $((MOMENT / 10)))"
	dmsetup message vg0-pool0-tpool 0 release_metadata_snap || echo "(too late)"
	ended 60
	quick vg0-pool0_tmeta
	judge_diff /tmp/got 1
}

fault_two_diffs_at_once() {
	local second
	remember
	background "lvdiff ${OPTIONS[0]} vg0/s0 > /tmp/other"
	second=$PID
	background "$DIFF > /tmp/got"
	ended 60
	VERDICT=finished
	expect_equal "$STATUS" 0 "the status"
	right_stream /tmp/got
	wait "$second" || fail "the other one failed"
	run 'lvpatch -q --verify < /tmp/other'
	run 'mangle records < /tmp/other | cmp - <(mangle records < /tmp/d0)'
	rm /tmp/other /tmp/got
	unchanged
}

# To activate a volume, LVM loads the pool's table again, and it is writable.
fault_source_read_only() {
	local first
	draw_word first true nothing_to_activate
	"$first"
	read_only vg0
	remember
	background "$DIFF > /tmp/got"
	ended 60
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_stream /tmp/got
	else
		may_fail 1
		unchanged
	fi
	rm /tmp/got
	swap_table vg0-pool0-tpool "$READ_WRITE"
	remember
	repeat_diff
}

fault_source_needs_check() {
	run lvcreate -q -T vg0/pool0 -V 4M -n spoiled
	needs_check vg0
	remember
	background "$DIFF > /tmp/got"
	ended 60
	may_fail 1
	unchanged
	rm /tmp/got
	revive vg0 && fail "it was not to be revived"
	run lvremove -q -y vg0/spoiled
	remember
	repeat_diff
}
