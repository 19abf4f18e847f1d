# Signals at moments spread over a whole run, wherever they hit.
source /run/guest/lib.sh

make_twins 8
run 'lvdiff -d 3 vg0/sp0 vol0 > /tmp/stream'
run lvchange -an vg1/sp0

# The moments follow from how long a run takes on this machine.
time_of() {
	local begun=$EPOCHREALTIME
	run "$@"
	TOOK=$(((${EPOCHREALTIME/./} - ${begun/./}) / 1000))
	echo "($TOOK ms)"
}
moment() {
	local ms=$(($1 * TOOK / 20))
	printf '%d.%03d' $((ms / 1000)) $((ms % 1000))
}

# A signal to a group that setsid has not made yet would hit nobody, and the run would just go on.
has_group() {
	kill -0 -- "-$PID" 2> /dev/null
}

no_lvm_command() {
	! grep -qsxE 'lvm|lvs|lvcreate|lvremove|lvrename|lvchange' /proc/[0-9]*/comm
}

time_of 'lvpatch -g vg1 -l sp0 < /tmp/stream'
run lvremove -y vg1/vol0
remember

# What it started for LVM is not hit: LVM must not stop half-way.
say "SIGINT to the process group of lvpatch: either it is done, or it never was"
finished=0
for ((i = 0; i < 20; i++)); do
	unignored setsid lvpatch -g vg1 -l sp0 < /tmp/stream 2> /tmp/.said &
	PID=$!
	wait_until has_group
	sleep "$(moment $i)"
	kill -INT -- "-$PID" 2> /dev/null || true
	ended 5
	if [ "$STATUS" = 0 ]; then
		finished=$((finished + 1))
		expect_equal "$(sum /dev/vg1/vol0)" "$(sum /dev/vg0/vol0)" "the new volume"
		run lvremove -y vg1/vol0
	fi
	unchanged
done
echo "($finished of 20 had finished)"
((finished < 20)) || fail "no signal came in time"

say "SIGTERM to that of lvdiff --snapshot"
time_of 'lvdiff --snapshot -d 3 vg0/sp0 vol0 > /dev/null'
for ((i = 0; i < 10; i++)); do
	unignored setsid lvdiff --snapshot -d 3 vg0/sp0 vol0 > /dev/null 2> /tmp/.said &
	PID=$!
	wait_until has_group
	sleep "$(moment $((2 * i)))"
	kill -TERM -- "-$PID" 2> /dev/null || true
	ended 5
	unchanged
done

say "SIGKILL of lvpatch: the next run clears up, and succeeds"
cleared=0
time_of 'lvpatch -g vg1 -l sp0 < /tmp/stream'
run lvremove -y vg1/vol0
for ((i = 0; i < 10; i++)); do
	lvpatch -g vg1 -l sp0 < /tmp/stream 2> /tmp/.said &
	PID=$!
	sleep "$(moment $((2 * i)))"
	kill -KILL "$PID" 2> /dev/null || true
	ended 5
	wait_until no_lvm_command
	# Killed between the last two steps it is there, and whole.
	if lvs vg1/vol0 > /dev/null 2>&1; then
		run lvchange -ay vg1/vol0
		expect_equal "$(sum /dev/vg1/vol0)" "$(sum /dev/vg0/vol0)" "the new volume"
		run lvremove -y vg1/vol0
	fi
	run 'lvpatch -g vg1 -l sp0 < /tmp/stream'
	[[ $OUTPUT != *"by a run that was killed"* ]] || cleared=$((cleared + 1))
	run lvremove -y vg1/vol0
	unchanged
done
echo "($cleared of 10 left a volume)"
no_leftovers
