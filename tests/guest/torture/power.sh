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
	declare -p SUMS NEIGHBOURS OPTIONS HIT CHAIN MOMENT LAST BASE NEW EXPECTED DIFF PATCH INPUT PATCH_OPTIONS \
		${BEFORE+BEFORE} ${IN_PLACE+IN_PLACE} > /run/out/state
}

# cut_power: tells the host to cut it at the moment, in a run of $TOOK that begins now.
cut_power() {
	keep_state
	echo "power cut in $((MOMENT * TOOK / 1000)) ms"
}

# only_on_disk NAME…: nothing else lies there. What has no name yet goes away with its writer.
only_on_disk() {
	local name
	for name in $(ls -A /tmp/disk); do
		[[ " lost+found $* " == *" $name "* ]] || fail "left on the disk: $name"
	done
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
	local metadata
	on_disk
	# The moment in which the metadata snapshot is held is short.
	draw_word metadata quick slow
	if [ "$metadata" = slow ]; then
		nothing_to_activate
		slow vg0-pool0_tmeta 200
	fi
	time_of "$DIFF -o /tmp/disk/first"
	cut_power
	background "$DIFF -o /tmp/disk/got"
	never
}
again_power_cut_lvdiff() {
	only_on_disk first got
	VERDICT=refused
	if [ -e /tmp/disk/got ]; then
		VERDICT=finished
		right_stream /tmp/disk/got
	fi
	# The kernel keeps a metadata snapshot, which can be anybody's then: lvdiff refuses it, as the README
	# says, and releases it on demand.
	local release=
	if held vg0/pool0; then
		[ "$VERDICT" = refused ] || fail "it was done, and the metadata snapshot is held"
		release=--force-release
		expect_exit 6 "$DIFF -o /tmp/disk/refused"
		remember
		expect_exit 6 "$DIFF -o /tmp/disk/refused"
		unchanged
		[ ! -e /tmp/disk/refused ] || fail "it was refused, and wrote a file"
	fi
	run "$DIFF $release -o /tmp/disk/got"
	right_stream /tmp/disk/got
	remember
	run_on_clean "$DIFF -o /tmp/disk/got"
	right_stream /tmp/disk/got
	unchanged
	only_on_disk first got
}

# patch_after_power_cut: lvpatch succeeds. It can do without the metadata snapshot, and leaves alone what
# can be anybody's.
patch_after_power_cut() {
	local before
	before=$(pool_status vg1/pool0 held)
	run "$PATCH $INPUT"
	right_volume
	expect_equal "$(pool_status vg1/pool0 held)" "$before" "the metadata snapshot"
	[ "$before" = - ] || run dmsetup message vg1-pool0-tpool 0 release_metadata_snap
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
	patch_after_power_cut
	remember
	run_on_clean "$PATCH $INPUT"
	right_volume
	unchanged
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
	only_on_disk first undo
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
	remember
	begin_in_place
	run_on_clean "$IN_PLACE --backup /tmp/disk/again $INPUT"
	expect_equal "$(sum /dev/vg1/copy)" "${SUMS[HIT]}" "vg1/copy"
	run_on_clean "lvpatch --in-place -g vg1 -l copy $PATCH_OPTIONS -i /tmp/disk/again"
	expect_equal "$(sum /dev/vg1/copy)" "$BEFORE" "vg1/copy, brought back"
	run lvremove -q -y vg1/copy
	rm /tmp/disk/again
	unchanged
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
	only_on_disk got
	no_leftovers
	right_stream /tmp/disk/got
	right_volume
	remember
	run_on_clean "$DIFF -o /tmp/disk/got"
	right_stream /tmp/disk/got
	run_on_clean "$PATCH $INPUT"
	right_volume
	unchanged
}
