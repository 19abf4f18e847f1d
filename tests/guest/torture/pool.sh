# Faults of the pool that lvpatch writes to.

fault_target_write_error() {
	remember
	struck
	become vg1-pool0_tdata flakey 0 1000 1 error_writes
	go_on
	ended 60
	stop_other_end
	lift
	judge_broken_patch 1
}

# settled: what lvpatch has of its stream is written: for half a second the pool has not got fuller.
settled() {
	local i now before='' same=0
	for ((i = 0; i < 100 && same < 5; i++)); do
		now=$(pool_status vg1/pool0 used_data)
		[ "$now" = "$before" ] && same=$((same + 1)) || same=0
		before=$now
		sleep 0.1
	done
}

# full_data ERRORWHENFULL: somebody else takes the space while the stream arrives.
full_data() {
	local free leave words
	remember
	[ "$1" = n ] || run lvchange -q --errorwhenfull y vg1/pool0
	echo 3 > /sys/module/dm_thin_pool/parameters/no_space_timeout
	struck
	run lvcreate -q -T vg1/pool0 -V 512M -n greedy
	settled
	words=$(pool_status vg1/pool0 used_data)
	free=$((${words#*/} - ${words%/*}))
	# Less than the rest of the stream takes.
	draw leave 4
	if [ -n "$REST" ] && ((leave >= REST / 1024 / TARGET_CHUNK)); then
		leave=$((REST / 1024 / TARGET_CHUNK))
		((leave == 0)) || leave=$((leave - 1))
	fi
	echo "(chunks: $free are free, $leave are left)"
	# It ends where the pool is full, and does not meet that itself, unless lvpatch took some of it meanwhile.
	fill /dev/vg1/greedy 0 $(((free > leave ? free - leave : 0) * TARGET_CHUNK)) greedy || true
	run dmsetup status vg1-pool0-tpool
	[[ $1$OUTPUT != n*@(out_of_data_space|error_if_no_space)* ]] || echo "(it has met that already)"
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
		dmsetup message vg1-pool0-tpool 0 "create_thin $((TAKEN++))" 2> /dev/null || break
	done
	echo "(blocks of metadata: $(free_metadata) are left)"
}
TAKEN=100000

# pool_volumes: the volumes in vg1 as LVM knows them, and how much data they have. No more can be compared
# after the check, with more space for metadata.
pool_volumes() {
	lvs --noheadings -o lv_full_name,lv_uuid,lv_tags,lv_size vg1
	pool_status vg1/pool0 used_data
}

# full_metadata ERRORWHENFULL: before the run, or while the stream arrives. Then a pool goes read-only, and
# nobody can remove anything from it before it is checked and has more space: the next run does.
full_metadata() {
	local when volumes
	[ "$1" = n ] || run lvchange -q --errorwhenfull y vg1/pool0
	draw_word when before meanwhile
	echo "($when)"
	if [ "$when" = before ]; then
		take_metadata 20
		remember
		background "$PATCH $INPUT"
		ended 60
		# What changes nothing but holes needs no chunk; LVM makes no snapshot all the same.
		may_fail 7 1
		[[ $STATUS = 7 || $OUTPUT == *"Cannot create new thin volume"* ]] || fail "that was another reason"
		unchanged
		run lvextend -q --poolmetadatasize +8M vg1/pool0
		return
	fi
	# LVM makes no volume where three quarters are taken.
	take_metadata 300
	volumes=$(pool_volumes)
	struck
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
		run "$PATCH $INPUT"
		right_volume
	fi
	expect_equal "$(pool_volumes)" "$volumes" "the volumes"
}
fault_target_full_metadata_queue() { full_metadata n; }
fault_target_full_metadata_error() { full_metadata y; }

# temporary_device: prints the device in device-mapper of the volume that lvpatch writes to.
temporary_device() {
	dmsetup ls | sed -n 's/^\(vg1-lvdiff_tmp_[^[:space:]]*\).*/\1/p' | grep -v -- '-cow$'
}

fault_target_removed() {
	local device
	remember
	struck
	device=$(temporary_device || true)
	if [ -n "$device" ]; then
		# It is open: its table becomes one of errors, and it stays.
		show dmsetup remove --force "$device"
		dmsetup remove --force "$device" || true
	fi
	go_on
	ended 60
	stop_other_end
	judge_patch 1
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
