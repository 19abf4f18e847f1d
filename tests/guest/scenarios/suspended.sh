# A device is suspended: whatever reads it would wait in the kernel, and no signal would end that. It is
# said after a second, waited for, and a signal ends the waiting.
source /run/guest/lib.sh

make_twins 4
run 'lvdiff -q vg0/sp0 vg0/vol0 > /tmp/stream'
run 'lvdiff -q vg0/sp0 > /tmp/full'
run lvcreate -y -q -n lv -L 16M vg1
run lvcreate -y -q -s -n snap -L 8M vg1/lv
remember

# waits_for DEVICE COMMAND: starts it while the device is suspended, and returns once it says so.
waits_for() {
	run dmsetup suspend "$1"
	show "$2 &"
	unignored bash -c "exec $2" < /dev/null > /tmp/.out 2> /tmp/.said &
	PID=$!
	local i
	for ((i = 0; i < 200; i++)); do
		! grep -q "device $1 is suspended" /tmp/.said || return 0
		sleep 0.1
	done
	# What hangs in the kernel would keep the guest.
	run dmsetup resume "$1"
	ended 20
	fail "it does not say that $1 is suspended"
}

# ended_by_signal DEVICE COMMAND: a signal ends the waiting, and nothing has come of it.
ended_by_signal() {
	waits_for "$1" "$2"
	kill -TERM "$PID"
	ended 10
	expect_equal "$STATUS" 1 "the status"
	expect_text "interrupted"
	run dmsetup resume "$1"
	unchanged
}

# ended_by_itself DEVICE COMMAND: the run ends well once the device is resumed.
ended_by_itself() {
	waits_for "$1" "$2"
	run dmsetup resume "$1"
	ended 20
	expect_equal "$STATUS" 0 "the status"
}

say "volumes, pools, what they lie on, and classic snapshots"
ended_by_signal vg0-vol0 'lvdiff vg0/sp0 vg0/vol0'
ended_by_itself vg0-vol0 'lvdiff --snapshot vg0/sp0 vg0/vol0'
ended_by_signal vg0-pool0-tpool 'lvdiff --list -g vg0'
ended_by_signal vg0-pool0-tpool 'lvdiff --summary -g vg0'
ended_by_itself vg0-pool0_tmeta 'lvdiff --list vg0/sp0 vg0/vol0'
ended_by_signal vg1-lv-real 'lvdiff vg1/snap'
ended_by_signal vg1-sp0 'lvpatch --check -g vg1 -l sp0 -i /tmp/stream'
ended_by_itself vg1-pool0_tdata 'lvpatch --check --device /dev/vg1/sp0 -i /tmp/stream'
unchanged

say "the pool of a new volume"
ended_by_itself vg1-pool0-tpool 'lvpatch -g vg1 -p pool0 -i /tmp/full new'
run lvchange -ay -K vg0/sp0
expect_same /dev/vg0/sp0 /dev/vg1/new
