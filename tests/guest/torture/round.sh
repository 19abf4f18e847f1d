# A round of torture: a random history, one fault, and what must hold after it. A round's script
# sources lib.sh and this file, and sets these before it begins:
#
#   FAULT          the fault's name
#   OPTIONS        what lvdiff is told for each stream: the first is a full one of s0, and the Nth
#                  leads from s(N-1) to sN
#   HIT            the number of the stream that the fault meets, from 1
#   CHAIN          yes, if that run of lvpatch goes on to the last stream; otherwise no
#   MOMENT         when the fault comes: a thousandth of the way, 0 to 999
#   PATCH_OPTIONS  what lvpatch is told besides names
#   POOL_OPTIONS   what lvcreate is told for the target's pool
#
# A word is drawn where nothing else is said: RANDOM was seeded.

for part in devices lvdiff lvpatch input impostor pool power merge threads; do
	source "/run/guest/torture/$part.sh"
done
SUMS=()
declare -A NEIGHBOURS=()
VERDICT=

# fill DEVICE OFFSET_KIB LENGTH_KIB SEED: as in lib.sh, but bytes that no compression makes less of.
fill() {
	local device=$1 offset=$2 length=$3 seed=$4 key
	echo "(fill $device at $offset KiB, $length KiB, seed $seed)"
	key=$(echo "$seed $offset" | md5sum | cut -d ' ' -f 1)
	{ openssl enc -aes-128-ctr -K "$key" -iv 00 < /dev/zero 2> /dev/null || :; } |
		write_at "$device" "$offset" "$length"
}

# point: the volume as it is now is kept: a snapshot, and its sum.
point() {
	run lvcreate -q -s -n "s${#SUMS[@]}" vg0/vol0
	SUMS+=("$(sum /dev/vg0/vol0)")
}

# neighbour VG/LV ORIGIN OFFSET_KIB LENGTH_KIB: somebody else's volume, which shares what ORIGIN has so far
# but for what is written to it. Its bytes are kept in mind: nobody may change them.
neighbour() {
	run lvcreate -q -s -kn -n "${1#*/}" "$2"
	fill "/dev/$1" "$3" "$4" "${1#*/}"
	NEIGHBOURS[$1]=$(sum "/dev/$1")
}

# draw NAME N: a variable becomes a number from 0 to N-1.
draw() {
	printf -v "$1" %d $(((RANDOM << 15 | RANDOM) % $2))
}

# draw_word NAME WORD…: a variable becomes one of the words.
draw_word() {
	# What is local here must not have a name that somebody wants drawn.
	local _name=$1 _which
	shift
	draw _which $#
	shift "$_which"
	printf -v "$_name" %s "$1"
}

# numbers FIRST LAST PREFIX: the numbers, each after the prefix.
numbers() {
	local i
	for ((i = $1; i <= $2; i++)); do
		echo -n " $3$i"
	done
}

# run_on_clean COMMAND: as run, where no run was killed since the last one that was not.
run_on_clean() {
	run "$1"
	[[ $OUTPUT != *"left by a run that was killed"* ]] || fail "the run before left something behind"
}

# make_streams: /tmp/d0 is full, /tmp/dN leads from s(N-1) to sN.
make_streams() {
	local i
	run "lvdiff -q ${OPTIONS[0]} vg0/s0 > /tmp/d0"
	for ((i = 1; i < ${#SUMS[@]}; i++)); do
		run "lvdiff -q ${OPTIONS[i]} vg0/s$((i - 1)) vg0/s$i > /tmp/d$i"
	done
}

# make_target: vg1/s0 to vg1/s(HIT-1), in one run. The last is the base of the run that the fault
# meets. What that run reads is in /tmp/struck, and what it makes is vg1/$NEW.
make_target() {
	run "cat$(numbers 0 $((HIT - 1)) /tmp/d) | lvpatch -q -g vg1 -p pool0 --each $PATCH_OPTIONS"
	LAST=$((${#SUMS[@]} - 1))
	BASE=s$((HIT - 1))
	local until=$HIT
	[ "$CHAIN" = no ] || until=$LAST
	NEW=s$until
	EXPECTED=${SUMS[until]}
	eval "cat$(numbers "$HIT" "$until" /tmp/d) > /tmp/struck"
	NEIGHBOURS[vg0/vol0]=${SUMS[LAST]}
	neighbour vg1/neighbour vg1/s0 0 64
	DIFF="lvdiff ${OPTIONS[HIT]} vg0/$BASE vg0/s$HIT"
	PATCH="lvpatch -g vg1 -l $BASE $PATCH_OPTIONS"
	draw_word INPUT '< /tmp/struck' '-i /tmp/struck' '< <(cat /tmp/struck)'
	local state
	draw_word state -ay -an
	run lvchange -K "$state" "vg1/$BASE"
	SAVED=$(files)
}

# files: what lies in /tmp but for what the scripts themselves need.
files() {
	ls -A /tmp | grep -vxE '\.(output|said|taken|expected|found|pipe|stopped|go)'
}

# background COMMAND: a line of shell whose program becomes $PID, the leader of a process group.
# What it says is in /tmp/.said.
background() {
	show "$1 &"
	unignored setsid bash -c "exec $1" < /dev/null 2> /tmp/.said &
	PID=$!
}

# ms N: so many milliseconds, as sleep wants them.
ms() {
	printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
}

# time_of COMMAND: runs it; $TOOK is how long it took, in milliseconds.
time_of() {
	local begun=$EPOCHREALTIME
	run "$1"
	TOOK=$(((${EPOCHREALTIME/./} - ${begun/./}) / 1000))
}

# time_patch: $TOOK is how long lvpatch takes when nothing happens; what it made is removed.
time_patch() {
	time_of "$PATCH dry $INPUT"
	expect_equal "$(sum /dev/vg1/dry)" "$EXPECTED" "without a fault"
	run lvremove -q -y vg1/dry
}

# wait_for_moment: sleeps until the fault is to come, in a run that takes $TOOK.
wait_for_moment() {
	local when=$((MOMENT * TOOK / 1000))
	echo "(after $when of $TOOK ms)"
	sleep "$(ms $when)"
}

# no_lvm_command: succeeds if no command of LVM runs.
no_lvm_command() {
	! grep -qsxE 'lvm|lvs|lvcreate|lvremove|lvrename|lvchange|lvresize|lvextend|lvreduce' /proc/[0-9]*/comm
}

# may_fail CODE…: a run that failed did so in one of these ways, and said why, unless it was killed.
may_fail() {
	[[ " $* " == *" $STATUS "* ]] || fail "exit status $STATUS, expected one of: $*"
	[[ -n $OUTPUT || $STATUS -gt 128 ]] || fail "it failed and did not say why"
	[[ $OUTPUT != *panicked* ]] || fail "it panicked"
	VERDICT=refused
}

# right_stream FILE: it is sound, says of itself what that of the history says, does what that does,
# and proves the base, which is there. (A name that is free: that of the stream can be taken by now.)
right_stream() {
	run "lvpatch -q --verify < $1"
	expect_equal "$(said_of_itself "$1")" "$(said_of_itself "/tmp/d$HIT" | origin_as_it_is)" \
		"the header of $1"
	run "$PATCH -q --check proved < $1"
	mangle records < "/tmp/d$HIT" > /tmp/.expected
	mangle records < "$1" > /tmp/.found
	cmp /tmp/.expected /tmp/.found || fail "$1 leads elsewhere"
}

# said_of_itself FILE: a stream's header, but for the time. What is a sample of the base is random.
said_of_itself() {
	lvpatch --info --json < "$1" |
		sed -e '/^ *"created":/d' -e '/^ *"base_digests": \[$/,/^ *\]/c (some)'
}

# origin_as_it_is: a header from before a merge into the base, after which LVM no longer knows its origin.
origin_as_it_is() {
	if [ "${MERGED_BASE:-}" ]; then
		sed "s/\"base_origin\": \"[^\"]*\"/\"base_origin\": \"$(field "$MERGED_BASE" origin_uuid)\"/"
	else
		cat
	fi
}

# judge_diff FILE CODE…: lvdiff has ended with $STATUS and was to write FILE. A success wrote the
# right stream; a failure no whole one. All is as it was, and a run without the fault succeeds.
judge_diff() {
	local file=$1
	shift
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_stream "$file"
	else
		may_fail "$@"
		no_half_stream "$file"
	fi
	rm -f "$file"
	# What fails below a pool can make it one that needs a check, while its metadata snapshot is held: the
	# kernel lets nobody release it before that, and then the next run does.
	if revive vg0; then
		unchanged
	fi
	repeat_diff
}

# no_half_stream FILE: lvdiff failed, or was killed. With -o there is no FILE, unless it failed
# after the stream's end, and then FILE is right; with > FILE there is what was written so far, and
# lvpatch takes it for what it is.
no_half_stream() {
	[ -e "$1" ] || return 0
	if [[ $STRUCK == *' -o '* ]] || lvpatch -q --verify < "$1" 2> /dev/null; then
		right_stream "$1"
	else
		expect_exit 4 "lvpatch --verify < $1"
	fi
}

# repeat_diff: without a fault lvdiff succeeds, and leaves nothing behind.
repeat_diff() {
	run "$DIFF > /tmp/again"
	right_stream /tmp/again
	rm -f /tmp/again
	unchanged
}

# judge_patch CODE…: lvpatch has ended with $STATUS. After a success the new volume is right;
# without it, and after a failure, all is as it was.
judge_patch() {
	if [ "$STATUS" = 0 ]; then
		VERDICT=finished
		right_volume
	else
		may_fail "$@"
	fi
	unchanged
}

# judge_broken_patch CODE…: likewise, after a fault by which the pool can become one that needs a
# check. The kernel lets nobody remove anything from such a pool: what lvpatch made stays there until
# it is checked, under the temporary name, and the next run removes it.
judge_broken_patch() {
	[ "$STATUS" = 0 ] || may_fail "$@"
	if revive vg1; then
		judge_patch "$@"
		return
	fi
	[ "$STATUS" != 0 ] || fail "it succeeded, and the pool needs a check"
	! lvs "vg1/$NEW" > /dev/null 2>&1 || fail "it failed, and vg1/$NEW is there"
	run "$PATCH $INPUT"
	right_volume
	unchanged
}

# right_volume: the new volume is right. It is removed.
right_volume() {
	run lvchange -K -ay "vg1/$NEW"
	expect_equal "$(sum "/dev/vg1/$NEW")" "$EXPECTED" "vg1/$NEW"
	run lvremove -q -y "vg1/$NEW"
}

# finish: whatever happened, the chain goes on from where it was, every volume on both sides has
# its bytes, both pools pass the check, and nothing is left behind.
finish() {
	local before active i volume
	before=$(activations)
	active=$(sed -n 's/ active$//p' <<< "$before")
	go_on_with_chain
	# The new ones are there as well.
	expect_equal "$(comm -23 <(echo "$before") <(activations))" "" "no longer so"
	for ((i = 0; i <= LAST; i++)); do
		has_sum "vg0/s$i" "${SUMS[i]}"
		has_sum "vg1/s$i" "${SUMS[i]}"
	done
	for volume in "${!NEIGHBOURS[@]}"; do
		has_sum "$volume" "${NEIGHBOURS[$volume]}"
	done
	# shellcheck disable=SC2046,SC2086
	no_leftovers $active $(numbers "$HIT" "$LAST" vg1/s)
	run dmsetup status --target thin-pool
	expect_equal "$(files)" "$SAVED" "the files"
	check_pool vg0/pool0 vg1/pool0
	verdict
}

# go_on_with_chain: the rest of it is applied.
go_on_with_chain() {
	local command
	command="cat$(numbers "$HIT" "$LAST" /tmp/d) | $PATCH --each"
	case $FAULT in
	# lvpatch could remove nothing from a pool that needed a check, and no run came since.
	target-full-metadata-*) run "$command" ;;
	*) run_on_clean "$command" ;;
	esac
}

# activations: every volume but the temporary ones, each with whether it is active.
activations() {
	lvs --noheadings --separator ' ' -o lv_full_name,lv_active | sed 's/^ *//' | grep -v /lvdiff_tmp_ | sort
}

# has_sum VG/LV SUM: the volume's bytes are those. It is as active as before.
has_sum() {
	local was
	was=$(field "$1" lv_active)
	[ "$was" = active ] || run lvchange -q -K -ay "$1"
	expect_equal "$(sum "/dev/$1")" "$2" "$1"
	[ "$was" = active ] || run lvchange -q -an "$1"
}

# verdict: what the round is counted as. It is the last that is printed.
verdict() {
	[ -n "$VERDICT" ] || fail "no verdict"
	echo "verdict: $VERDICT"
}
