# LVM reports success and activates nothing: that is said after one try. And what a run that was killed
# had asked LVM for is put back, while what somebody has activated since stays.
source /run/guest/lib.sh

make_twins 8
run 'lvdiff -q vg0/sp0 vg0/vol0 > /tmp/stream'
run lvchange -an vg1/sp0
cp "$LVM_SYSTEM_DIR/lvm.conf" /tmp/conf
lock=/run/lock/lvdiff.vg0-sp0.active.lock

# with_settings TEXT: lvm.conf has these, too.
with_settings() {
	{ cat /tmp/conf; echo "$1"; } > "$LVM_SYSTEM_DIR/lvm.conf"
}

# each_says TEXT: every run that activates something ends and says that.
each_says() {
	for command in 'lvdiff vg0/sp0 vg0/vol0 > /dev/null' 'lvdiff --snapshot vg0/vol0 > /dev/null' \
		'lvpatch -g vg1 -l sp0 < /tmp/stream' 'lvpatch --check -g vg1 -l sp0 < /tmp/stream' \
		'lvpatch --in-place -g vg1 -l sp0 -i /tmp/stream'; do
		refused 1 "timeout 60 $command"
		expect_text "$1"
	done
}

say "volume_list leaves the volumes out"
with_settings 'activation { volume_list=["vg0/vol0","vg0/pool0","vg1/pool0"] }'
remember
each_says 'activation/volume_list in lvm.conf'

say "LVM is in test mode"
with_settings 'global { test=1 }'
each_says 'test mode'
with_settings ''

say "what LVM says when it fails is in the message, and not the steps before it"
run lvchange -q -an vg0/sp0 vg0/vol0
id=$(field vg0/sp0 thin_id)
run dmsetup message vg0-pool0-tpool 0 "delete $id"
expect_exit 1 'lvdiff vg0/sp0 vg0/vol0 > /dev/null'
expect_text "failed"
[[ $OUTPUT != *"Creating"* && $OUTPUT != *"Loading"* ]] || fail "it tells LVM's steps"
run lvremove -q -y -f vg0/sp0
run lvchange -q -ay vg0/vol0
run lvcreate -q -s -n sp0 vg0/vol0
no_leftovers

say "a run was killed after it had asked, LVM activated nothing then, and somebody did later"
boot=$(cat /proc/sys/kernel/random/boot_id)
run "echo 'activating for the time of a run: boot $boot' > $lock; chmod 600 $lock"
sleep 0.1
run lvchange -ay -K vg0/sp0
run 'lvdiff vg0/sp0 vg0/vol0 > /dev/null'
expect_equal "$(field vg0/sp0 lv_active)" active "what somebody activated"
[ ! -e "$lock" ] || fail "$lock is still there"
run lvchange -an vg0/sp0
remember

say "a run is killed while LVM activates: the next one puts it back"
no_lvchange() {
	! grep -qsx lvchange /proc/[0-9]*/comm
}
for again in '' '; and somebody has activated it anew'; do
	echo "(killed$again)"
	for ((i = 0; i < 20; i++)); do
		lvdiff vg0/sp0 vg0/vol0 > /dev/null 2> /tmp/.said &
		PID=$!
		while no_lvchange && kill -0 "$PID" 2> /dev/null; do :; done
		kill -KILL "$PID" 2> /dev/null || true
		ended 5
		wait_until no_lvchange
		[ ! -e "$lock" ] || ! grep -q "^activating.*$boot" "$lock" || break
		run 'lvdiff vg0/sp0 vg0/vol0 > /dev/null'
	done
	run cat "$lock"
	expect_text "activating for the time of a run"
	expect_equal "$(field vg0/sp0 lv_active)" active "what LVM activated"
	if [ -n "$again" ]; then
		run lvchange -an vg0/sp0
		run lvchange -ay -K vg0/sp0
	fi
	run 'lvdiff vg0/sp0 vg0/vol0 > /dev/null'
	[ -z "$again" ] || run lvchange -an vg0/sp0
	unchanged
done
