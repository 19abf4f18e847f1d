# lvsync push whose stream ends early: what has arrived stays, and the next push sends the rest.
source /run/guest/lib.sh

mkdir /tmp/sync
cat > /tmp/sync/ssh <<'END'
#!/bin/bash
# Like ssh to this machine; with CUT, the connection breaks after so many bytes.
while [ "$1" != -- ]; do shift; done
shift 2
if [ -n "${CUT:-}" ]; then
	dd bs=64K iflag=count_bytes count="$CUT" status=none | bash -c "$*"
else
	cat | bash -c "$*"
fi
END
chmod +x /tmp/sync/ssh
export PATH=/tmp/sync:$PATH
TARGET=root@b:vg1/pool0
WHOLE=$((16 << 20))

# change KIB WORD: so much of vg0/vol0 is another one.
change() {
	fill /dev/vg0/vol0 0 "$1" "$2"
	sleep 1.1
}

# newest VG: the name of the newest point or copy there.
newest() {
	lvs --noheadings -o lv_name -O lv_name "$1" | tr -d ' ' | grep -E '\.sync\.[0-9TZ]+$' | tail -n 1
}

# partial: the partial copies.
partial() {
	lvs --noheadings -o lv_name vg1 | tr -d ' ' | grep '\.part$' || true
}

# push MOST: a push that succeeds, sends at most so many bytes, and leaves only copies that are right.
push() {
	run lvsync push --report json vg0/vol0 "$TARGET"
	local sent said=$OUTPUT
	sent=$(tail -n 1 <<< "$OUTPUT" | grep -o '"sent_bytes":[0-9]*' | cut -d : -f 2)
	[ "$sent" -le "$1" ] || fail "$sent bytes were sent, expected at most $1"
	echo "($sent bytes of $WHOLE were sent)"
	SENT=$sent
	expect_equal "$(partial)" "" "the partial copies"
	expect_equal "$(lvs --noheadings -o lv_tags vg0 | grep -c unsent || true)" 0 "points without a copy"
	expect_copy "$(newest vg0)"
	OUTPUT=$said
}

# expect_copy NAME: the copy of a point is the same.
expect_copy() {
	run lvchange -ay -K "vg0/$1" "vg1/$1"
	expect_same "/dev/vg0/$1" "/dev/vg1/$1"
	run lvchange -an "vg0/$1" "vg1/$1"
}

# cut_push BYTES: a push whose connection breaks after so many bytes.
cut_push() {
	CUT=$1 expect_exit 1 lvsync push vg0/vol0 "$TARGET"
	POINT=$(newest vg0)
	expect_equal "$(partial)" "$POINT.part" "the partial copies"
}

# begin_push: one in the background, $PID; it returns when more than half of 16 MiB has arrived.
begin_push() {
	local before
	before=$(used)
	show "lvsync push --bwlimit 2M vg0/vol0 $TARGET &"
	unignored lvsync push --bwlimit 2M vg0/vol0 "$TARGET" 2> /tmp/.said &
	PID=$!
	wait_until arrived $((before + 150))
}

used() {
	pool_status vg1/pool0 used_data | cut -d / -f 1
}

arrived() {
	(($(used) >= $1))
}

# has_partial: what has arrived of the newest point stays, and is laid aside.
has_partial() {
	POINT=$(newest vg0)
	[ "$(partial)" = "$POINT.part" ] && [[ $(field "vg1/$POINT.part" lv_tags) == *lvsync.partial=* ]] &&
		[ -z "$(field "vg1/$POINT.part" lv_active)" ]
}

# serving: the process of the other side; without a process of its own for each, because that takes a while.
serving() {
	local process program command
	for process in /proc/[0-9]*; do
		{ read -r -d '' program && read -r -d '' command; } 2> /dev/null < "$process/cmdline" || continue
		[ "${program##*/} $command" != "lvsync serve" ] || echo "${process#/proc/}"
	done 2> /dev/null
}

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n vol0
change 1024 first
push "$WHOLE"

say "the connection breaks, twice"
change 16384 second
cut_push $((5 << 20))
expect_text "the next run sends the rest"
expect_equal "$(field "vg1/$POINT.part" lv_permissions)" read-only "what may be done with it"
expect_equal "$(field "vg1/$POINT.part" lv_active)" "" "whether it is active"
TAGS=$(field "vg1/$POINT.part" lv_tags)
for tag in "lvsync.partial=$(field "vg0/$POINT" lv_uuid)" "lvsync.of=$(field vg0/vol0 lv_uuid)" lvsync.at=; do
	[[ $TAGS == *"$tag"* ]] || fail "no tag $tag: $TAGS"
done
FIRST=$POINT
cut_push $((5 << 20))
expect_equal "$POINT" "$FIRST" "the newest point"
change 64 third
push $((WHOLE * 55 / 100))
expect_copy "$FIRST"

say "SIGKILL of the side with the volumes"
change 16384 fifth
begin_push
kill -KILL "$PID"
ended 20
wait_until has_partial
push $((WHOLE * 55 / 100))
expect_copy "$POINT"

say "SIGKILL of the other side: nobody knows what has arrived"
change 16384 sixth
begin_push
# shellcheck disable=SC2046
kill -KILL $(serving)
ended 20
push $((WHOLE * 11 / 10))

say "a partial copy that somebody wrote to"
change 4096 seventh
cut_push $((2 << 20))
run lvchange -prw "vg1/$POINT.part"
run lvchange -ay -K "vg1/$POINT.part"
fill "/dev/vg1/$POINT.part" 100 1 stray
run lvchange -an "vg1/$POINT.part"
push "$WHOLE"
expect_text "vg1/$POINT.part is removed"
[ "$SENT" -ge $((4 << 20)) ] || fail "only $SENT bytes were sent"
expect_exit 5 lvs "vg0/$POINT"

say "its point is gone, and one that is too old"
change 4096 eighth
cut_push $((2 << 20))
run lvremove -y "vg0/$POINT"
change 64 ninth
push "$WHOLE"
expect_text "its point is not here any more"
change 4096 tenth
cut_push $((2 << 20))
run date -s "@$(($(date +%s) + 8 * 86400))"
push "$WHOLE"
expect_text "its point is older than a week"
no_leftovers
