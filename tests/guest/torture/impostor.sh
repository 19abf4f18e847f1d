# The devices of another disk, which have the names of ours: it was pulled, and its devices stayed.

# impostor VOLUME: the volume is inactive, and its name belongs to another volume group's device. What that
# holds is what another snapshot in the pool holds, or the volume itself: nothing but its UUID tells.
impostor() {
	local vg=${1%/*} sectors id other pool
	draw_word other "$1" "$vg/s0"
	run lvchange -q -an "$1"
	sectors=$(($(field "$1" lv_size) / 512))
	id=$(field "$other" thin_id)
	# The pool is active, or becomes so with the neighbour.
	[ -e "/dev/mapper/$vg-pool0-tpool" ] || run lvchange -q -K -ay "$vg/pool0"
	pool=$(dmsetup info -c --noheadings --separator : -o major,minor "$vg-pool0-tpool")
	echo "(the name of $1 is that of a device of another disk, which holds $other)"
	run dmsetup create "$vg-${1#*/}" --uuid "$(uuid_of_another "$1")" \
		--table "0 $sectors thin $pool $id"
	IMPOSTORS=("$vg-${1#*/}")
}

# uuid_of_another VG/LV: a device's UUID, of a volume in a group that LVM does not see.
uuid_of_another() {
	local group volume
	group=$(field "$1" vg_uuid)
	volume=$(field "$1" lv_uuid)
	group=LVM-another${group//-/}
	volume=${volume//-/}
	echo "${group:0:36}$volume"
}

# impostors VG: the whole group is inactive, and all its devices' names are those of another group's.
impostors() {
	local vg=$1 name word table number
	local -A tables=() uuids=() numbers=()
	ACTIVE=$(lvs --noheadings -o lv_full_name -S lv_active=active "$vg")
	while read -r _ name; do
		[[ $name == "$vg"-* ]] || continue
		IMPOSTORS+=("$name")
		tables[$name]=$(dmsetup table "$name")
		uuids[$name]=$(dmsetup info -c --noheadings -o uuid "$name")
		numbers[$(dmsetup info -c --noheadings --separator : -o major,minor "$name")]=$name
	done < <(dmsetup info -c --noheadings --separator ' ' -o minor,name | sort -n)
	run vgchange -q -an "$vg"
	echo "(all names of $vg are those of another disk's devices)"
	for name in "${IMPOSTORS[@]}"; do
		table=
		for word in ${tables[$name]}; do
			if [ -n "${numbers[$word]:-}" ]; then
				word=$(dmsetup info -c --noheadings --separator : -o major,minor "${numbers[$word]}")
			fi
			table+="$word "
		done
		number=${uuids[$name]#LVM-}
		dmsetup create "$name" --uuid "LVM-another${number:7}" --table "$table"
	done
}
IMPOSTORS=()
ACTIVE=

# expose: the impostors go, and what was active is active again.
expose() {
	local i volume
	for ((i = ${#IMPOSTORS[@]} - 1; i >= 0; i--)); do
		run dmsetup remove "${IMPOSTORS[i]}"
	done
	for volume in $ACTIVE; do
		run lvchange -q -K -ay "$volume"
	done
	IMPOSTORS=() ACTIVE=
}

# The one whose name it is is refused, whatever the run wants of it.
fault_device_of_another_disk() {
	local who volume how device
	begin_in_place
	draw_word who base volume target place
	case $who in
	base) volume=vg0/$BASE STRUCK="$DIFF > /tmp/got" ;;
	volume) volume=vg0/s$HIT STRUCK="$DIFF > /tmp/got" ;;
	target) volume=vg1/$BASE STRUCK="$PATCH $INPUT" ;;
	place) volume=vg1/copy STRUCK="$IN_PLACE --backup /tmp/undo $INPUT" ;;
	esac
	draw_word how impostor impostors
	if [ "$how" = impostor ]; then
		impostor "$volume"
	else
		impostors "${volume%/*}"
	fi
	# The volume may have been inactive: then its pool's devices are another disk's.
	device=/dev/mapper/${volume/\//-}
	[ -e "$device" ] || device=
	# shellcheck disable=SC2086
	remember $device
	background "$STRUCK"
	ended 60
	may_fail 1
	[[ $OUTPUT == *"does not belong to"*"in volume group anothe-r"* ]] || fail "it was not refused for that"
	unchanged
	[ ! -s /tmp/got ] || fail "something was written all the same"
	[ ! -e /tmp/undo ] || fail "a backup was begun"
	rm -f /tmp/got
	expose
	run lvchange -q -K -ay vg1/copy
	expect_equal "$(sum /dev/vg1/copy)" "$BEFORE" "vg1/copy"
	run lvremove -q -y vg1/copy
	remember
	repeat_diff
}
