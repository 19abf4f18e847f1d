# A round of lvsync's: each point of the history is a push. One push meets the fault; the next one must succeed.
# Besides what round.sh wants: TO, the target's pool, which `ssh` of this file finds on the same machine.

declare -A POINTS=() # the sum of each point, by its name
PUSHES=0

# begin_sync: what is drawn, and `ssh`.
begin_sync() {
	mkdir -p /tmp/sync
	cat > /tmp/sync/ssh <<-'END'
		#!/bin/bash
		# Like ssh to this machine; what it passes on goes through processes of its own.
		while [ "$1" != -- ]; do shift; done
		shift 2
		relay | bash -c "$*" | eval "${SYNC_ANSWERS:-relay}"
	END
	cp "$(type -P cat)" /tmp/sync/relay
	chmod +x /tmp/sync/ssh
	export PATH=/tmp/sync:$PATH
	draw_word TO vg1/pool0 root@b:vg1/pool0
	case $FAULT in
	# The other side is a process of its own.
	sync-sigkill-target | sync-connection-cut | sync-answer-lost) TO=root@b:vg1/pool0 ;;
	esac
	draw_word SYNC_OPTIONS '' '--compress zstd' '--granularity 4K'
	# A pace at which a push can be met in the middle.
	PUSH="lvsync push $SYNC_OPTIONS --bwlimit 8M vg0/vol0 $TO"
}

# point: in place of that of round.sh.
point() {
	local number=$PUSHES
	PUSHES=$((PUSHES + 1))
	SUM=$(sum /dev/vg0/vol0)
	NEIGHBOURS[vg0/vol0]=$SUM
	if [ "$number" = "$HIT" ]; then
		say "$FAULT"
		next_second
		"fault_${FAULT//-/_}"
		say "and on"
	else
		push_well
	fi
}

# next_second: there is one point a second at the most.
next_second() {
	sleep 1.1
}

# points VG: the points or copies there, the oldest first.
points() {
	lvs --noheadings -o lv_name -O lv_name "$1" | tr -d ' ' | grep -E '\.sync\.[0-9TZ]+$' || true
}

# partial VG: copies there that are not complete.
partial() {
	lvs --noheadings -o lv_name "$1" | tr -d ' ' | grep -E '\.sync\..*\.part$' || true
}

# note_points: the points that nobody has seen yet are of the volume as it is.
note_points() {
	local name
	for name in $(points vg0); do
		POINTS[$name]=${POINTS[$name]:-$SUM}
	done
}

# push_well: a push without a fault, all that it makes is right, and nothing else is left.
push_well() {
	next_second
	time_of "$PUSH"
	note_points
	pushed_well
}

# pushed_well: the newest point has its copy, and that is right.
pushed_well() {
	local newest
	newest=$(points vg0 | tail -n 1)
	[ "${POINTS[$newest]:-}" = "$SUM" ] || fail "$newest is not of the volume as it is"
	points vg1 | grep -xF "$newest" > /dev/null || fail "$newest has no copy"
	expect_equal "$(partial vg1)" "" "partial copies after a push"
	(($(points vg0 | wc -l) <= 3)) || fail "more than three points: $(points vg0 | tr '\n' ' ')"
	has_sum "vg1/$newest" "$SUM"
}

# right_copies: every copy is a whole one.
right_copies() {
	local name
	for name in $(points vg1); do
		[ -n "${POINTS[$name]:-}" ] || fail "vg1/$name is a copy of no point"
		has_sum "vg1/$name" "${POINTS[$name]}"
	done
}

# judge_push CODE…: a push has ended with $STATUS. Whatever it made is right; after a success it is there. The next
# push succeeds.
judge_push() {
	# It may have had everything, and be at its last steps.
	wait_until not_serving
	wait_until no_lvm_command
	note_points
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		pushed_well
	else
		may_fail "$@"
	fi
	right_copies
	push_well
}

# strike_push: a push begins, and its moment comes.
strike_push() {
	background "$PUSH"
	wait_for_moment
}

signal_push() {
	strike_push
	kill "-$1" -- "$PID" 2> /dev/null || true
	echo "(SIG$1)"
	ended 60
	judge_push 1 "$2"
}
fault_sync_sigint() { signal_push INT 130; }
fault_sync_sigterm() { signal_push TERM 143; }
fault_sync_sigkill_source() { signal_push KILL 137; }

# serving: the process of the other side.
serving() {
	pgrep -fx 'lvsync serve --pool vg1/pool0.*'
}

fault_sync_sigkill_target() {
	strike_push
	# shellcheck disable=SC2046
	kill -KILL $(serving) 2> /dev/null || true
	echo "(SIGKILL of the other side)"
	ended 60
	judge_push 1
}

fault_sync_connection_cut() {
	strike_push
	pkill -KILL -x relay 2> /dev/null || true
	echo "(the connection is cut)"
	ended 60
	judge_push 1
}

not_serving() {
	! serving
}

# The copy is made, and nobody hears of it.
fault_sync_answer_lost() {
	export SYNC_ANSWERS="sed -u '/\"answer\":\"received\"/Q'; pkill -KILL -x relay"
	background "$PUSH"
	ended 60
	unset SYNC_ANSWERS
	may_fail 1
	judge_push 1
}

fault_sync_target_full() {
	local size
	# What is left is as much as the moment says of 4 MiB.
	size=$(((160 * 1024 - $(pool_status vg1/pool0 used_data | cut -d / -f 1) * CHUNK - 4096 * MOMENT / 1000) / 1024))
	run lvcreate -q -T vg1/pool0 -V 160M -n filler
	{ openssl enc -aes-128-ctr -K 00 -iv 00 < /dev/zero 2> /dev/null || :; } |
		dd of=/dev/vg1/filler bs=1M count="$size" iflag=fullblock oflag=direct conv=fsync status=none || true
	background "$PUSH"
	ended 60
	run lvremove -q -y vg1/filler
	judge_push 1 7
}

# Somebody wrote to the newest copy: what is sent would not fit. Once it is gone, an older one is the base.
fault_sync_replica_written() {
	local newest
	newest=$(points vg1 | tail -n 1)
	run lvchange -q -prw "vg1/$newest"
	run lvchange -q -ay -K "vg1/$newest"
	fill "/dev/vg1/$newest" 0 64 "other$RANDOM"
	run lvchange -q -an "vg1/$newest"
	background "$PUSH"
	ended 60
	note_points
	[ "$STATUS" != 0 ] || fail "it succeeded on a copy that is another one"
	may_fail 3
	run lvremove -q -y "vg1/$newest"
	run "${PUSH/push/push --full}"
	note_points
	pushed_well
	push_well
}

fault_sync_replica_renamed() {
	local newest
	newest=$(points vg1 | tail -n 1)
	run lvrename -q "vg1/$newest" renamed
	background "$PUSH"
	ended 60
	[ "$STATUS" = 0 ] || fail "a name is for people"
	judge_push
	has_sum vg1/renamed "${POINTS[$newest]}"
}

fault_sync_replica_removed() {
	run lvremove -q -y "vg1/$(points vg1 | tail -n 1)"
	background "${PUSH/push/push --full}"
	ended 60
	[ "$STATUS" = 0 ] || fail "there is an older copy, or all of it can be sent"
	judge_push
}

fault_sync_point_removed() {
	run lvremove -q -y "vg0/$(points vg0 | tail -n 1)"
	background "${PUSH/push/push --full}"
	ended 60
	[ "$STATUS" = 0 ] || fail "there is an older point, or all of it can be sent"
	judge_push
}

fault_sync_clock_set_back() {
	local now
	now=$(date +%s)
	remember
	run date -s "@$((now - 86400))"
	background "$PUSH"
	ended 60
	run date -s "@$((now + 10))"
	may_fail 1
	unchanged
	push_well
}

fault_sync_two_at_once() {
	local second other=0
	$PUSH 2> /tmp/sync/second.said > /dev/null &
	second=$!
	background "$PUSH"
	ended 120
	wait "$second" || other=$?
	cat /tmp/sync/second.said
	wait_until not_serving
	wait_until no_lvm_command
	note_points
	[[ " $STATUS $other " == *" 0 "* ]] || fail "none of both: $STATUS and $other"
	[[ $STATUS == [019] && $other == [019] ]] || fail "one was refused otherwise: $STATUS and $other"
	VERDICT=finished
	pushed_well
	push_well
}

fault_sync_power_cut() {
	declare -p POINTS NEIGHBOURS SUM PUSHES PUSH TO HIT MOMENT SYNC_OPTIONS TOOK > /run/out/state
	sync
	echo "power cut in $((MOMENT * TOOK / 1000)) ms"
	background "$PUSH"
	ended 60
	sleep 60
	fail "the power was not cut"
}
again_sync_power_cut() {
	begin_sync
	# shellcheck disable=SC1091
	source /run/out/state
	show vgchange -q -ay
	vgchange -q -ay || lvs -a
	note_points
	right_copies
	VERDICT=refused
	push_well
	finish_sync
}

# finish_sync: all volumes have their bytes, both pools pass the check, and nothing is left behind.
finish_sync() {
	local volume
	right_copies
	for volume in "${!NEIGHBOURS[@]}"; do
		has_sum "$volume" "${NEIGHBOURS[$volume]}"
	done
	no_leftovers
	rm -rf /tmp/sync
	check_pool vg0/pool0 vg1/pool0
	verdict
}
