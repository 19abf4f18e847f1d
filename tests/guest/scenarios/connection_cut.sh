# The connection is cut in the middle of an increment: both sides fail, and nothing is left on b.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

run vgcreate -y vg0 /dev/ubda
make_pool vg0 pool0 64k 256M
run ssh root@b lvcreate --type thin-pool --chunksize 64k -L 256M -n pool0 vg1
run lvcreate -T vg0/pool0 -V 64M -n vol0
fill /dev/vg0/vol0 0 8192 base
run lvcreate -s -n sp0 vg0/vol0
run 'lvdiff vg0/sp0 | ssh root@b lvpatch -g vg1 -p pool0'
fill /dev/vg0/vol0 4096 32768 new
expect_twins vg0/sp0 vg1/sp0
remember /dev/vg0/vol0
BEFORE=$(on_b 'no_leftovers; footprint /dev/vg1/sp0')
USED=$(on_b pool_status vg1/pool0 used_data)

# start_increment: 32 MiB begin to flow, 1 MiB in a second, and some of it is in the temporary
# snapshot on b when this returns. lvdiff is $LVDIFF, ssh is $SSH, and the process of b's sshd that
# has the connection is in b's /run/session. What lvpatch ends with will be in b's /run/code.
start_increment() {
	rm -f /tmp/pipe
	mkfifo /tmp/pipe
	show 'lvdiff --bwlimit 1M vg0/sp0 vg0/vol0 | ssh root@b lvpatch -g vg1 -l sp0'
	ssh root@b 'echo $PPID > /run/session; rm -f /run/code
		lvpatch -g vg1 -l sp0; echo $? > /run/code' < /tmp/pipe 2> /tmp/said.ssh &
	SSH=$!
	lvdiff --bwlimit 1M vg0/sp0 vg0/vol0 > /tmp/pipe 2> /tmp/said.lvdiff &
	LVDIFF=$!
	on_b "in_the_middle() {
			temporary_volume vg1 && [ \"\$(pool_status vg1/pool0 used_data)\" != $USED ]
		}
		wait_until in_the_middle"
	echo "(in the middle)"
}

# both_end: waits for the end of lvdiff and ssh, which must be errors.
both_end() {
	local code_ssh=0 code_lvdiff=0
	wait "$SSH" || code_ssh=$?
	wait "$LVDIFF" || code_lvdiff=$?
	cat /tmp/said.ssh /tmp/said.lvdiff
	echo "(exit status of lvdiff $code_lvdiff, of ssh $code_ssh)"
	expect_equal "$code_lvdiff" 1 "the exit status of lvdiff"
	[ "$code_ssh" != 0 ] || fail "ssh succeeded"
}

# nothing_happened: lvpatch ended with an error too, and all is as before, in both guests.
nothing_happened() {
	local now
	on_b 'wait_until [ -s /run/code ]
		expect_equal "$(cat /run/code)" 4 "the exit status of lvpatch"'
	echo "(exit status of lvpatch 4)"
	now=$(on_b 'no_leftovers; footprint /dev/vg1/sp0') || fail "$now"
	expect_equal "$now" "$BEFORE" "what is on b"
	unchanged
}

say "ssh is killed"
start_increment
run kill "$SSH"
both_end
nothing_happened

say "b's end of the connection is killed"
start_increment
run ssh root@b 'kill -KILL $(cat /run/session)'
both_end
nothing_happened

say "the cable is pulled out, and plugged in again when both have given up"
start_increment
run ip link set vec0 down
both_end
run ip link set vec0 up
nothing_happened

say "the same, uncut"
run 'lvdiff vg0/sp0 vg0/vol0 | ssh root@b lvpatch -g vg1 -l sp0'
expect_twins vg0/vol0 vg1/vol0
expect_twins vg0/sp0 vg1/sp0
no_leftovers
