# A merge that waits, on either side.

# merge_waits SNAPSHOT: succeeds if its merge has not begun.
merge_waits() {
	lvs -a --noheadings --separator ' ' -o lv_full_name,lv_attr | tr -d '[]' | grep -q "$1 S"
}

# merged SNAPSHOT: succeeds once it is there no more.
merged() {
	! lvs "$1" > /dev/null 2>&1
}

# Whatever activated the volume would carry it out. The snapshot that is merged is of now, so that the
# merge can be let happen at the end.
fault_merge_pending() {
	local command volume was
	draw_word command diff patch check in-place
	case $command in
	diff)
		to_file
		command=$STRUCK
		draw_word volume "vg0/$BASE" "vg0/s$HIT"
		;;
	*)
		volume=vg1/$BASE
		case $command in
		patch) command="$PATCH $INPUT" ;;
		check) command="$PATCH --check $INPUT" ;;
		in-place) command="lvpatch --in-place -g vg1 -l $BASE $PATCH_OPTIONS -i /tmp/d$HIT" ;;
		esac
		;;
	esac
	was=$(field "$volume" lv_active)
	run lvcreate -q -s -n merging "$volume"
	run lvchange -q -K -ay "$volume"
	exec 9< "/dev/$volume"
	run lvconvert --merge "${volume%/*}/merging"
	exec 9<&-
	run lvchange -q -an "$volume"
	merge_waits "${volume%/*}/merging" || fail "the merge does not wait"
	remember
	background "$command"
	ended 60
	[ ! -e /tmp/got ] || [ -s /tmp/got ] || rm /tmp/got
	[ ! -e /tmp/got ] || fail "it wrote something"
	# Another size, which is not written in place, can be said first.
	if [[ $command == *--in-place* ]]; then
		may_fail 1 2
	else
		may_fail 1
	fi
	[ "$STATUS" = 2 ] || [[ $OUTPUT == *merging\ is\ being\ merged\ into\ $volume* ]] ||
		fail "it does not name the merge"
	merge_waits "${volume%/*}/merging" || fail "the merge was carried out"
	unchanged
	say "the merge is let happen"
	run lvchange -q -K -ay "$volume"
	wait_until merged "${volume%/*}/merging"
	[ "$was" = active ] || run lvchange -q -an "$volume"
	remember
	if [[ $volume == vg0/* ]]; then
		[ "$volume" != "vg0/$BASE" ] || MERGED_BASE=$volume
		repeat_diff
	else
		run "$PATCH $INPUT"
		right_volume
		unchanged
	fi
}
