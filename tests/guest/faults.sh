# The faults of a round of torture, each a function `fault_NAME`. It makes the fault, runs what meets
# it, takes the fault away, and judges.

# become DEVICE TARGET [ARGUMENT…]: a device of device-mapper, which is linear, becomes another target's
# on the same sectors.
become() {
	local device=$1 target=$2 table
	shift 2
	read -r -a table < <(dmsetup table "$device")
	[ "${table[2]}" = linear ] || fail "$device is not linear: ${table[*]}"
	LIFT+=("$device ${table[*]}")
	echo "($device becomes $target $*)"
	swap_table "$device" "0 ${table[1]} $target ${table[3]} ${table[4]} $*"
}

# lift: all that became something else is what it was.
lift() {
	local line
	for line in "${LIFT[@]}"; do
		echo "(${line%% *} is what it was)"
		swap_table "${line%% *}" "${line#* }"
	done
	LIFT=()
}
LIFT=()

swap_table() {
	dmsetup suspend "$1"
	dmsetup load "$1" --table "$2"
	dmsetup resume "$1"
}

# bad_blocks DEVICE BLOCKS: some of the first so many blocks of 4 KiB cannot be read.
bad_blocks() {
	local i block
	become "$1" dust 4096
	for ((i = 0; i < 12; i++)); do
		draw block "$2"
		dmsetup message "$1" 0 addbadblock "$block" > /dev/null 2>&1 || true
	done
	run dmsetup message "$1" 0 enable
}

# revive VG: a pool that had an error of its metadata, or whose metadata was full, is checked by
# hand as lvmthin(7) says, and is what it was. What was active is active again. It succeeds if there was
# nothing to do.
revive() {
	local status active volume tmeta table
	status=$(dmsetup status "$1-pool0-tpool")
	[[ $status == *needs_check* || $status != *" rw "* ]] || return 0
	echo "($status)"
	active=$(lvs --noheadings -o lv_full_name -S lv_active=active "$1")
	run vgchange -q -an "$1"
	tmeta=$1-pool0_tmeta
	run lvchange -q -y -ay "$1/pool0_tmeta"
	table=$(dmsetup table "$tmeta")
	run lvchange -q -an "$1/pool0_tmeta"
	dmsetup create torture_fix --table "$table"
	run thin_check -q --clear-needs-check-flag /dev/mapper/torture_fix
	dmsetup remove torture_fix
	run lvchange -q -ay "$1/pool0"
	for volume in $active; do
		run lvchange -q -K -ay "$volume"
	done
	return 1
}

# -- lvdiff

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

fault_source_read_error() {
	remember /dev/vg0/vol0
	time_diff
	background "$STRUCK"
	wait_for_moment
	become vg0-pool0_tdata flakey 0 1000
	ended 60
	lift
	judge_diff /tmp/got 1
}

fault_source_bad_sectors() {
	local used
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
	remember /dev/vg0/vol0
	used=$(pool_status vg0/pool0 used_metadata)
	bad_blocks vg0-pool0_tmeta "${used%/*}"
	to_file
	background "$STRUCK"
	ended 60
	lift
	revive vg0 || true
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
	VERDICT=refused
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_stream /tmp/got
	elif [[ $STRUCK == *' -o '* ]]; then
		[ ! -e /tmp/got ] || right_stream /tmp/got
	else
		expect_exit 4 'lvpatch --verify < /tmp/got'
	fi
	rm -f /tmp/got /tmp/.lvdiff-*
	repeat_diff
}

fault_reader_goes_away() {
	local size
	remember
	size=$(stat -c %s "/tmp/d$HIT")
	rm -f /tmp/.pipe
	mkfifo /tmp/.pipe
	head -c $((size * MOMENT / 1000)) < /tmp/.pipe > /tmp/got &
	background "$DIFF > /tmp/.pipe"
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
	rm -f /tmp/got
	run dmsetup message vg0-pool0-tpool 0 release_metadata_snap
	remember
	repeat_diff
}

fault_metadata_snapshot_released() {
	local delay
	remember
	draw delay 100
	slow vg0-pool0_tmeta $((delay + 20))
	to_file
	background "$STRUCK"
	until held vg0/pool0 || ! kill -0 "$PID" 2> /dev/null; do :; done
	sleep "$(ms $((MOMENT / 3)))"
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

# read_only VG: the pool's table says that it is read-only; READ_WRITE is what it was.
read_only() {
	local words
	READ_WRITE=$(dmsetup table "$1-pool0-tpool")
	read -r -a words <<< "$READ_WRITE"
	swap_table "$1-pool0-tpool" "${words[*]:0:7} $((${words[7]:-0} + 1)) read_only ${words[*]:8}"
	expect_equal "$(pool_status "$1/pool0" mode)" ro "the pool's mode"
}

fault_source_read_only() {
	read_only vg0
	remember
	background "$DIFF > /tmp/got"
	ended 60
	# As above. The target is active, but the base is not.
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

# needs_check VG: the pool could not write its metadata when something was written.
needs_check() {
	become "$1-pool0_tmeta" flakey 0 1000 1 error_writes
	run lvs -o lv_name "$1"
	fill "/dev/$1/spoiled" 0 64 lost 2> /dev/null || true
	lift
	[[ $(dmsetup status "$1-pool0-tpool") == *needs_check* ]] || fail "the pool needs no check"
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

# -- lvpatch

# struck_at BYTES: lvpatch is $PID, and has that much of its stream; it gets no more before go_on.
struck_at() {
	# shellcheck disable=SC2086
	start_patch /tmp/struck "$1" ${PATCH#lvpatch }
	sleep 0.1
}

# some_bytes: $BYTES is so much of the stream as MOMENT says.
some_bytes() {
	local size
	size=$(stat -c %s /tmp/struck)
	BYTES=$((size * MOMENT / 1000))
}

fault_target_write_error() {
	remember
	some_bytes
	struck_at "$BYTES"
	become vg1-pool0_tdata flakey 0 1000 1 error_writes
	go_on
	ended 60
	stop_other_end
	lift
	judge_broken_patch 1
}

# full_data QUEUE: somebody else takes the space while the stream arrives.
full_data() {
	local free take words
	remember
	[ "$1" = n ] || run lvchange -q --errorwhenfull y vg1/pool0
	echo 3 > /sys/module/dm_thin_pool/parameters/no_space_timeout
	some_bytes
	struck_at "$BYTES"
	run lvcreate -q -T vg1/pool0 -V 512M -n greedy
	words=$(pool_status vg1/pool0 used_data)
	free=$((${words#*/} - ${words%/*}))
	draw take 8
	# It fails where lvpatch took what was free a moment ago.
	fill /dev/vg1/greedy 0 $(((free > take ? free - take : 0) * TARGET_CHUNK)) greedy || true
	run dmsetup status vg1-pool0-tpool
	go_on
	ended 60
	stop_other_end
	run lvremove -q -y vg1/greedy
	# The volume that it would have made can be in the way of the table that was.
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_volume
	else
		may_fail 7 1
	fi
	[ "$1" = n ] || run lvchange -q --errorwhenfull n vg1/pool0
	unchanged
}
fault_target_full_queue() { full_data n; }
fault_target_full_error() { full_data y; }

free_metadata() {
	local used
	used=$(pool_status vg1/pool0 used_metadata)
	echo "$((${used#*/} - ${used%/*}))"
}

# take_metadata LEAVE: volumes that LVM knows nothing of take a block of the pool's metadata each.
take_metadata() {
	local count
	for ((count = $(free_metadata) - $1; count > 0; count--)); do
		dmsetup message vg1-pool0-tpool 0 "create_thin $((TAKEN++))" 2> /dev/null || return 0
	done
}
TAKEN=100000

# full_metadata ERRORWHENFULL: before the run, or while the stream arrives. Then a pool goes read-only, and
# nobody can remove anything from it before it is checked and has more space: the next run does.
full_metadata() {
	local when
	[ "$1" = n ] || run lvchange -q --errorwhenfull y vg1/pool0
	draw_word when before meanwhile
	echo "($when)"
	if [ "$when" = before ]; then
		take_metadata 20
		remember
		background "$PATCH $INPUT"
		ended 60
		may_fail 7
		unchanged
		run lvextend -q --poolmetadatasize +8M vg1/pool0
		return
	fi
	take_metadata 120
	some_bytes
	struck_at "$BYTES"
	take_metadata 0
	run dmsetup status vg1-pool0-tpool
	go_on
	ended 90
	stop_other_end
	revive vg1 || true
	run lvextend -q --poolmetadatasize +8M vg1/pool0
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_volume
	else
		may_fail 7 1
		! lvs "vg1/$NEW" > /dev/null 2>&1 || fail "it failed, and vg1/$NEW is there"
	fi
}
fault_target_full_metadata_queue() { full_metadata n; }
fault_target_full_metadata_error() { full_metadata y; }

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
	VERDICT=refused
	# Killed in its last steps it had made it, and it is whole.
	if lvs "vg1/$NEW" > /dev/null 2>&1; then
		VERDICT=finished
		right_volume
	fi
	run "$PATCH $INPUT"
	right_volume
	unchanged
}

# lvdiff is killed in the middle, and its leftovers are the next run's.
fault_writer_goes_away() {
	local writer
	NEW=s$HIT EXPECTED=${SUMS[HIT]}
	remember
	time_of "$DIFF | $PATCH dry"
	run lvremove -q -y vg1/dry
	rm -f /tmp/.pipe
	mkfifo /tmp/.pipe
	$DIFF > /tmp/.pipe 2> /tmp/other &
	writer=$!
	background "$PATCH < /tmp/.pipe"
	wait_for_moment
	kill -KILL "$writer" 2> /dev/null || true
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

# damaged OPERATION…: lvpatch reads what mangle makes of the stream.
damaged() {
	remember
	run "mangle $* < /tmp/struck > /tmp/damaged"
	! cmp -s /tmp/struck /tmp/damaged || fail "it is not damaged"
	mv /tmp/damaged /tmp/struck
	background "$PATCH $INPUT"
	ended 60
	may_fail 4
	unchanged
}

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
	damaged splice "/tmp/d$other" $((i + 1))
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
		if [ -e "$backup" ]; then
			# It may be cut before anything was kept, and then nothing was written.
			if [ "$(sum /dev/vg1/copy)" != "$BEFORE" ]; then
				run "lvpatch --in-place -g vg1 -l copy $PATCH_OPTIONS --no-base-check --partial -i $backup"
			fi
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

# temporary_device: prints the device in device-mapper of the volume that lvpatch writes to.
temporary_device() {
	dmsetup ls | sed -n 's/^\(vg1-lvdiff_tmp_[^[:space:]]*\).*/\1/p' | grep -v -- '-cow$'
}

fault_target_removed() {
	local device
	remember
	some_bytes
	struck_at "$BYTES"
	device=$(temporary_device || true)
	if [ -n "$device" ]; then
		# It is open: its table becomes one of errors, and it stays.
		show dmsetup remove --force "$device"
		dmsetup remove --force "$device" || true
	else
		echo "(it has not begun to write)"
	fi
	go_on
	ended 60
	stop_other_end
	judge_patch 1
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

fault_target_read_only() {
	read_only vg1
	remember
	background "$PATCH $INPUT"
	ended 60
	# To activate the base, LVM loads the pool's table again, and it is writable.
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_volume
	else
		may_fail 1
		unchanged
	fi
	swap_table vg1-pool0-tpool "$READ_WRITE"
}

fault_target_needs_check() {
	run lvcreate -q -T vg1/pool0 -V 4M -n spoiled
	needs_check vg1
	remember
	background "$PATCH $INPUT"
	ended 60
	may_fail 1
	unchanged
	revive vg1 && fail "it was not to be revived"
	run lvremove -q -y vg1/spoiled
}

# -- A power cut: the first boot ends in the middle, the second sees what is left.

# on_disk: a file system on a disk of its own, at /tmp/disk; what must be known later goes to the host.
on_disk() {
	run mkfs.ext4 -q /dev/ubdc
	mkdir /tmp/disk
	run mount -o commit=600 /dev/ubdc /tmp/disk
}

# keep_state: what the second boot must know.
keep_state() {
	sync
	cp /tmp/d[0-9] /tmp/struck /run/out
	declare -p SUMS OPTIONS HIT CHAIN MOMENT LAST BASE NEW EXPECTED DIFF PATCH INPUT PATCH_OPTIONS \
		${BEFORE+BEFORE} ${IN_PLACE+IN_PLACE} > /run/out/state
}

# cut_power: tells the host to cut it at the moment, in a run of $TOOK that begins now.
cut_power() {
	keep_state
	echo "power cut in $((MOMENT * TOOK / 1000)) ms"
}

# never: the power is cut before this is over.
never() {
	ended 60
	sleep 60
	fail "the power was not cut"
}

# after_power_cut: the second boot begins.
after_power_cut() {
	# A volume that LVM was about to make or remove may be known to LVM and not to the pool.
	show vgchange -q -ay
	vgchange -q -ay || lvs -a vg1
	cp /run/out/d? /run/out/struck /tmp
	SAVED=$(files)
	if [ -e /dev/ubdc ] && [[ $(blkid -o value -s TYPE /dev/ubdc) == ext4 ]]; then
		mkdir -p /tmp/disk
		run mount /dev/ubdc /tmp/disk
		SAVED=$(files)
	fi
	expect_equal "$(field "vg1/$BASE" lv_name)" "$BASE" "the base"
}

fault_power_cut_lvdiff() {
	on_disk
	time_of "$DIFF -o /tmp/disk/first"
	cut_power
	background "$DIFF -o /tmp/disk/got"
	never
}
again_power_cut_lvdiff() {
	VERDICT=refused
	if [ -e /tmp/disk/got ]; then
		VERDICT=finished
		right_stream /tmp/disk/got
	fi
	run "$DIFF -o /tmp/disk/got"
	right_stream /tmp/disk/got
}

fault_power_cut_lvpatch() {
	time_patch
	cut_power
	background "$PATCH $INPUT"
	never
}
again_power_cut_lvpatch() {
	VERDICT=refused
	if lvs "vg1/$NEW" > /dev/null 2>&1; then
		VERDICT=finished
		right_volume
	fi
	run "$PATCH $INPUT"
	right_volume
}

fault_power_cut_in_place() {
	on_disk
	begin_in_place
	time_of "$IN_PLACE --backup /tmp/disk/first $INPUT"
	run "lvpatch --in-place -g vg1 -l copy $PATCH_OPTIONS -i /tmp/disk/first"
	cut_power
	background "$IN_PLACE --backup /tmp/disk/undo $INPUT"
	never
}
again_power_cut_in_place() {
	local now
	run lvchange -K -ay vg1/copy
	now=$(sum /dev/vg1/copy)
	VERDICT=refused
	if [ "$now" = "${SUMS[HIT]}" ]; then
		VERDICT=finished
	fi
	if [ "$now" != "$BEFORE" ]; then
		run "lvpatch --in-place -g vg1 -l copy $PATCH_OPTIONS --no-base-check --partial -i /tmp/disk/undo"
		expect_equal "$(sum /dev/vg1/copy)" "$BEFORE" "vg1/copy, brought back"
	fi
	run lvremove -q -y vg1/copy
}

fault_power_cut_after_done() {
	on_disk
	keep_state
	run "$DIFF -o /tmp/disk/got; $PATCH $INPUT"
	echo "power cut in 0 ms"
	sleep 60
	fail "the power was not cut"
}
again_power_cut_after_done() {
	VERDICT=finished
	right_stream /tmp/disk/got
	right_volume
}
