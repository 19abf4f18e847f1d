# Onto the volume itself, and back again.
source /run/guest/lib.sh

make_twins 64
# Enough to be killed in the middle of.
fill /dev/vg0/vol0 8192 40960 much
discard /dev/vg0/vol0 20480 4096
run 'lvdiff -d 3 vg0/sp0 vol0 > /tmp/stream'
source_uuid=$(field vg0/vol0 lv_uuid)
base_uuid=$(field vg0/sp0 lv_uuid)
before=$(sum /dev/vg1/sp0)
after=$(sum /dev/vg0/vol0)
remember /dev/vg1/sp0

changed() {
	[ "$(sum /dev/vg1/sp0)" != "$before" ]
}

say "what is refused changes nothing, and makes no backup"
refused 2 'lvpatch --in-place -g vg1 < /tmp/stream'
refused 2 'lvpatch --backup /tmp/undo -g vg1 -l sp0 < /tmp/stream'
refused 2 'lvpatch --in-place --partial -g vg1 -l sp0 < /tmp/stream'
expect_text "only an undo stream can be applied in part, and this is not one"
run mkdir -p /tmp/mnt
run lvcreate -T vg1/pool0 -V 64M -n mounted
# Nothing is to be written to it later, in the background.
run mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 /dev/vg1/mounted
run mount /dev/vg1/mounted /tmp/mnt
remember /dev/vg1/sp0
refused 1 'lvpatch --in-place --no-base-check -g vg1 -l mounted --backup /tmp/undo < /tmp/stream'
expect_text "must not be mounted or in use"
run umount /tmp/mnt
# A virtual machine or a database has it open, and not exclusively.
exec 9< /dev/vg1/mounted
remember /dev/vg1/sp0
refused 1 'lvpatch --in-place --no-base-check -g vg1 -l mounted --backup /tmp/undo < /tmp/stream'
expect_text "it is open"
refused 1 'lvpatch --device /dev/vg1/mounted --no-base-check --backup /tmp/undo < /tmp/stream'
expect_text "it is open"
exec 9<&-
remember /dev/vg1/sp0 /dev/vg1/mounted
refused 3 'lvpatch --in-place -g vg1 -l mounted --backup /tmp/undo < /tmp/stream'
run touch /tmp/exists
refused 1 'lvpatch --in-place -g vg1 -l sp0 --backup /tmp/exists < /tmp/stream'
expect_text "/tmp/exists"
half=$(($(byte_size /tmp/stream) / 2))
run "head -c $half /tmp/stream > /tmp/cut"
# A file is verified whole before anything is written.
refused 4 'lvpatch --in-place -g vg1 -l sp0 --backup /tmp/undo < /tmp/cut'
[ ! -e /tmp/undo ] || fail "a refused run made a backup"
run lvremove -y vg1/mounted

say "there and back"
run 'lvpatch --in-place -g vg1 -l sp0 --backup /tmp/undo < /tmp/stream'
expect_same /dev/vg0/vol0 /dev/vg1/sp0
expect_equal "$(field vg1/sp0 lv_tags | grep -o 'source=[^,]*')" "source=$source_uuid" "the tag"
run lvpatch --info /tmp/undo
expect_text "Undo:"
run 'lvpatch --verify < /tmp/undo'
run lvpatch --in-place -g vg1 -l sp0 -i /tmp/undo
expect_equal "$(sum /dev/vg1/sp0)" "$before" "the base, brought back"
expect_equal "$(field vg1/sp0 lv_tags | grep -o 'source=[^,]*')" "source=$base_uuid" "the tag"
no_leftovers

say "the undo leads back from there only"
expect_exit 3 'lvpatch --in-place -g vg1 -l sp0 -i /tmp/undo'
expect_text "its tag says"

say "a stream that is cut in a pipe, and the way back"
run rm -f /tmp/undo
expect_exit 4 'cat /tmp/cut | lvpatch --in-place -g vg1 -l sp0 --backup /tmp/undo'
expect_text "--partial -i /tmp/undo"
[ "$(sum /dev/vg1/sp0)" != "$before" ] || fail "nothing was written that could be undone"
expect_exit 4 'lvpatch --in-place -g vg1 -l sp0 -i /tmp/undo'
# The line that the message names.
run 'lvpatch --in-place -l vg1/sp0 --partial -i /tmp/undo'
expect_equal "$(sum /dev/vg1/sp0)" "$before" "the base, brought back"

say "SIGKILL in the middle, and the way back"
for megabytes in 18 24 34; do
	rm -f /tmp/undo
	start_patch /tmp/stream $((megabytes << 20)) --in-place -g vg1 -l sp0 --backup /tmp/undo
	wait_until changed
	kill -KILL "$PID"
	ended 5
	stop_other_end
	run 'lvpatch -q --in-place -g vg1 -l sp0 --partial -i /tmp/undo'
	expect_equal "$(sum /dev/vg1/sp0)" "$before" "the base, brought back"
done

say "SIGKILL at any moment, and the way back"
begun=$EPOCHREALTIME
run rm -f /tmp/undo
run 'lvpatch --in-place -g vg1 -l sp0 --backup /tmp/undo < /tmp/stream'
took=$(((${EPOCHREALTIME/./} - ${begun/./}) / 1000))
run lvpatch --in-place -g vg1 -l sp0 -i /tmp/undo
undone=0
for ((i = 3; i < 20; i++)); do
	rm -f /tmp/undo
	unignored lvpatch --in-place -g vg1 -l sp0 --backup /tmp/undo < /tmp/stream 2> /tmp/.said &
	PID=$!
	moment=$((i * took / 20))
	sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
	kill -KILL "$PID" 2> /dev/null || true
	ended 5
	now=$(sum /dev/vg1/sp0)
	if [ "$now" != "$before" ]; then
		[ "$now" = "$after" ] || undone=$((undone + 1))
		run 'lvpatch -q --in-place -g vg1 -l sp0 --partial -i /tmp/undo'
		expect_equal "$(sum /dev/vg1/sp0)" "$before" "the base, brought back"
	fi
	# Its tags say at no time that it is what it is not.
	[[ $(field vg1/sp0 lv_tags) != *"$source_uuid"* ]] || fail "a tag says what is not so"
done
echo "($undone were in the middle)"
no_leftovers

say "a full backup's file system changes nothing"
run rm -f /tmp/undo
run mkdir -p /tmp/small
run mount -t tmpfs -o size=64k none /tmp/small
remember /dev/vg1/sp0
refused 7 'lvpatch --in-place -g vg1 -l sp0 --backup /tmp/small/undo < /tmp/stream'
[ ! -e /tmp/small/undo ] || fail "the backup of nothing stays"

say "nor does one that has no room for its header"
head -c 100K /dev/zero > /tmp/small/other 2> /dev/null || true
refused 7 'lvpatch --in-place -g vg1 -l sp0 --backup /tmp/small/undo < /tmp/stream'
[ ! -e /tmp/small/undo ] || fail "the backup of nothing stays"
run rm /tmp/small/other

say "two streams, one after another, onto an image; and with a backup only one"
run lvcreate -s -n sp1 vg0/vol0
fill /dev/vg0/vol0 1024 256 later
run 'lvdiff vg0/sp1 vg0/vol0 > /tmp/second'
content /dev/vg1/sp0 > /tmp/image
run 'lvdiff -d 3 vg0/sp0 vg0/sp1 > /tmp/first'
run rm -f /tmp/undo
expect_exit 2 'lvpatch --device /tmp/image --backup /tmp/undo -i /tmp/first -i /tmp/second'
expect_text "one stream too many"
[ ! -e /tmp/undo ] || fail "a refused run made a backup"
expect_equal "$(sum /tmp/image)" "$before" "the image"
# From a pipe the second is seen only when the first is applied.
expect_exit 2 'cat /tmp/first /tmp/second | lvpatch --device /tmp/image --backup /tmp/undo'
expect_text "one stream too many"
expect_text "the first stream is applied"
run lvpatch --device /tmp/image -i /tmp/undo
expect_equal "$(sum /tmp/image)" "$before" "the image, brought back"
run lvpatch --device /tmp/image -i /tmp/first -i /tmp/second
expect_same /tmp/image /dev/vg0/vol0
no_leftovers
check_pool vg1/pool0
