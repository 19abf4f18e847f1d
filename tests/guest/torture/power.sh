# A power cut: the first boot ends in the middle of fault_NAME, again_NAME sees what is left.

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
