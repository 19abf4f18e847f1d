# Helpers for scenarios of lvsync that write to one place: sourced after lib.sh and net.sh.

# cover_state: what lvsync keeps of a device is in a folder of the guest's own, on both hosts.
cover_state() {
	mount -t tmpfs tmpfs /var/lib
	ssh root@b mount -t tmpfs tmpfs /var/lib
}

# push ARGUMENT…: a push in a second of its own.
push() {
	sleep 1.1
	run lvsync push "$@"
}

# points: the points of vg0/vol0, oldest first.
points() {
	lvs --noheadings -o lv_name -O lv_name vg0 | tr -d ' ' | grep '\.sync\.' || true
}

# newest: the sum of the newest point.
newest() {
	local point
	point=vg0/$(points | tail -n 1)
	lvchange -ay -K "$point"
	sum "/dev/$point"
	lvchange -an "$point"
}

# expect_place PATH: it holds the newest point, and nothing of the run is left.
expect_place() {
	expect_equal "$(sum "$1")" "$(newest)" "the sum of $1"
	no_leftovers
	nothing_beside
}

# nothing_beside: neither an undo nor a lock is left, nor an image that is not complete.
nothing_beside() {
	local left
	left=$(find /var/lib/lvsync /tmp/images /mnt -name '*lvsync-*' -o -name '*-undo' -o -name '*-lock' 2> /dev/null || true)
	expect_equal "$left" "" "what is left"
}

# written DEVICE SECTORS: so much was written to it.
written() {
	[ "$(io_stat "$1" 7)" -gt "$2" ]
}

# killed: the push in the background is killed. Its point is active then, until a run reads it again: one does.
killed() {
	local point
	# At once: what comes after it takes its time.
	kill -9 "$PID"
	wait "$PID" || true
	point=vg0/$(points | tail -n 1)
	run "lvdiff -q --list $point > /dev/null"
}

# start_push ARGUMENT…: a push in the background. It is $PID, and what it says is in /tmp/.said.
start_push() {
	sleep 1.1
	show "lvsync push $* &"
	unignored lvsync push "$@" > /tmp/.said 2>&1 &
	PID=$!
}
