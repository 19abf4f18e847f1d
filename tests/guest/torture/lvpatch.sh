# Faults that meet lvpatch, but for those of its input and of the pool.

# struck: lvpatch is $PID, and has $BYTES of its stream; it gets no more before go_on. Mostly it writes
# already. $REST is how much of the records it has not got, or nothing where it may not have begun.
struck() {
	local when
	draw_word when early writing writing writing
	[ "$when" = early ] || bytes_of_writing || when=early
	if [ "$when" = early ]; then
		some_bytes
		REST=
	fi
	echo "($when)"
	# shellcheck disable=SC2086
	start_patch /tmp/struck "$BYTES" ${PATCH#lvpatch }
	if [ "$when" = early ]; then
		sleep 0.1
	else
		until_it_writes
	fi
	writes_now || echo "(it has not begun to write)"
}

# bytes_of_writing: $BYTES ends after the first record, or in it if there is no other, and before the end
# of the last one that has data: then lvpatch writes, and has more to write. Fails without a record.
bytes_of_writing() {
	local i kind at length before=0 first='' last='' last_kind=''
	for ((i = HIT; i <= ${NEW#s}; i++)); do
		while read -r _ kind at length; do
			[[ $kind != @(HEAD|BASE|ROOT|INDX|TAIL) ]] || continue
			at=$((before + at + length))
			first=${first:-$at}
			if [ "$kind" = DATA ] || [ "$last_kind" != DATA ]; then
				last=$((at - 1)) last_kind=$kind
			fi
		done < <(mangle boundaries < "/tmp/d$i")
		before=$((before + $(stat -c %s "/tmp/d$i")))
	done
	[ -n "$last" ] || return 1
	BYTES=$last
	((last <= first)) || BYTES=$((first + (last - first) * MOMENT / 1000))
	REST=$((last + 1 - BYTES))
}

# writes_now: the volume that lvpatch writes to is open for that, and not only kept open, and not by a
# command of LVM that still makes it.
writes_now() {
	local device
	no_lvm_command || return 1
	device=$(temporary_device) || return 1
	(($(dmsetup info -c --noheadings -o open "$device" 2> /dev/null || echo 0) > 1))
}

# until_it_writes: not longer than 20 seconds, nor than lvpatch lives.
until_it_writes() {
	local i
	for ((i = 0; i < 400; i++)); do
		! writes_now || return 0
		kill -0 "$PID" 2> /dev/null || return 0
		sleep 0.05
	done
}

# some_bytes: $BYTES is so much of the stream as MOMENT says.
some_bytes() {
	local size
	size=$(stat -c %s /tmp/struck)
	BYTES=$((size * MOMENT / 1000))
}

# signal_patch SIGNAL CODE…
signal_patch() {
	local signal=$1 to
	shift
	remember
	time_patch
	background "$PATCH $INPUT"
	wait_for_moment
	draw_word to '' -
	kill "-$signal" -- "$to$PID" 2> /dev/null || true
	echo "(SIG$signal)"
	ended 60
	# The group has whoever writes to it, too: then the stream may be cut.
	[[ $to$INPUT != -*cat* ]] || set -- "$@" 4
	judge_patch "$@"
}
fault_sigint_lvpatch() { signal_patch INT 1 130; }
fault_sigterm_lvpatch() { signal_patch TERM 1 143; }
fault_sighup_lvpatch() { signal_patch HUP 1 129; }
fault_sigpipe_lvpatch() { signal_patch PIPE 1 141; }

fault_sigkill_lvpatch() {
	remember
	time_patch
	background "$PATCH $INPUT"
	wait_for_moment
	kill -KILL "$PID" 2> /dev/null || true
	echo "(SIGKILL)"
	ended 60
	wait_until no_lvm_command
	[ "$STATUS" = 0 ] || may_fail 137
	# Killed in its last steps it had made it, and it is whole.
	if [ "$STATUS" = 0 ] || lvs "vg1/$NEW" > /dev/null 2>&1; then
		VERDICT=finished
		right_volume
	fi
	run "$PATCH $INPUT"
	right_volume
	unchanged
}

# opened PID FILE: succeeds if the process has the file open, or has ended.
opened() {
	[ -z "$(ls "/proc/$1/fd" 2> /dev/null)" ] || find "/proc/$1/fd" -lname "$2" | grep -q .
}

# lvdiff is killed in the middle, and its leftovers are the next run's.
fault_writer_goes_away() {
	local writer size slowly
	NEW=s$HIT EXPECTED=${SUMS[HIT]}
	size=$(stat -c %s "/tmp/d$HIT")
	remember
	# So slow that it writes for two seconds, however short its stream is: otherwise the pipe and lvpatch have
	# all of it at once, and nothing is missing when the writer goes.
	slowly="$DIFF --bwlimit $((size / 2 + 1))"
	time_of "$slowly > /dev/null"
	rm -f /tmp/.pipe
	mkfifo /tmp/.pipe
	# Both ends are open before the writer is killed, or the reader would wait for one for ever.
	exec 8<> /tmp/.pipe
	$slowly > /tmp/.pipe 2> /tmp/other 8<&- &
	writer=$!
	background "$PATCH < /tmp/.pipe 8<&-"
	wait_for_moment
	kill -KILL "$writer" 2> /dev/null || true
	wait_until opened "$PID" /tmp/.pipe
	exec 8<&-
	ended 60
	wait_until no_lvm_command
	rm /tmp/.pipe /tmp/other
	VERDICT=refused
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_volume
	else
		may_fail 4
	fi
	repeat_diff
}

# begin_in_place: vg1/copy is a copy of the base, to be written onto.
begin_in_place() {
	one_stream
	run lvcreate -q -s -kn -n copy "vg1/$BASE"
	IN_PLACE="lvpatch --in-place -g vg1 -l copy --no-base-check $PATCH_OPTIONS"
	BEFORE=$(sum /dev/vg1/copy)
}

# judge_in_place BACKUP CODE…: it is done, or the backup brings back what was.
judge_in_place() {
	local backup=$1
	shift
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		expect_equal "$(sum /dev/vg1/copy)" "${SUMS[HIT]}" "vg1/copy"
		run "lvpatch --in-place -g vg1 -l copy $PATCH_OPTIONS -i $backup"
	else
		may_fail "$@"
		if [ "$(sum /dev/vg1/copy)" != "$BEFORE" ]; then
			run "lvpatch --in-place -g vg1 -l copy $PATCH_OPTIONS --no-base-check --partial -i $backup"
		elif [ -e "$backup" ]; then
			# Something was written, and it was what had been there.
			run "lvpatch -q --info < $backup"
		fi
	fi
	rm -f "$backup"
	expect_equal "$(sum /dev/vg1/copy)" "$BEFORE" "vg1/copy, brought back"
	run lvremove -q -y vg1/copy
}

fault_backup_disk_full() {
	local size
	remember
	begin_in_place
	# As much as the stream or less: a backup of zeros takes little, one of data takes all.
	size=$(stat -c %s /tmp/struck)
	mkdir /tmp/small
	run mount -t tmpfs -o "size=$(((size * MOMENT / 1000 + 4095) / 4096 * 4096 + 4096))" none /tmp/small
	background "$IN_PLACE --backup /tmp/small/undo $INPUT"
	ended 60
	# To bring it back there must be space.
	judge_in_place /tmp/small/undo 7
	expect_equal "$(ls -A /tmp/small)" "" "the folder"
	run umount /tmp/small
	rmdir /tmp/small
	unchanged
}

fault_two_patches_at_once() {
	local second name
	remember
	draw_word name other "$NEW"
	cp /tmp/struck /tmp/second
	background "$PATCH $name < /tmp/second 2> /tmp/second.said"
	second=$PID
	background "$PATCH $NEW $INPUT"
	ended 60
	local other=0
	wait "$second" || other=$?
	cat /tmp/second.said
	rm /tmp/second /tmp/second.said
	VERDICT=finished
	if [ "$name" = other ]; then
		expect_equal "$STATUS $other" "0 0" "both"
		expect_equal "$(sum /dev/vg1/other)" "$EXPECTED" "vg1/other"
		run lvremove -q -y vg1/other
	else
		[[ $STATUS$other == 0[12] || $STATUS$other == [12]0 ]] || fail "one of both: $STATUS and $other"
	fi
	right_volume
	unchanged
}

fault_wrong_base() {
	local where size
	remember
	run lvcreate -q -s -kn -n wrong "vg1/$BASE"
	size=$(blockdev --getsize64 /dev/vg1/wrong)
	draw where $((size / 512))
	echo "(a byte of sector $where of vg1/wrong)"
	local old
	old=$(dd if=/dev/vg1/wrong bs=512 skip="$where" count=1 status=none | head -c 1 | od -An -tu1)
	printf "\\x$(printf %02x $(((old + 1) % 256)))" |
		dd of=/dev/vg1/wrong bs=1 seek=$((where * 512)) conv=notrunc,fsync status=none
	background "${PATCH/-l $BASE/-l wrong} $INPUT"
	ended 60
	may_fail 3
	run lvremove -q -y vg1/wrong
	unchanged
}
