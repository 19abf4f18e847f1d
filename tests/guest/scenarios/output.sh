# Where lvdiff writes to: a file beside the one that is asked for, which takes its name in the end.
source /run/guest/lib.sh

# expect_files FOLDER NAME…: these are all files that are there, hidden ones included.
expect_files() {
	local folder=$1
	shift
	expect_equal "$(ls -A "$folder" | paste -s -d ' ')" "$*" "what is in $folder"
}

make_vgs
make_pool vg0 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 32M -n vol
run lvcreate -s -kn -n base vg0/vol
fill /dev/vg0/vol 0 $((24 * 1024))

say "a new file, for its owner only"
mkdir out
run lvdiff -o out/new.diff vg0/base vg0/vol
sha1=$(sed -n 's/^SHA1: //p' <<< "$OUTPUT")
expect_equal "$(sha1sum out/new.diff | cut -d ' ' -f 1)" "$sha1" "the SHA-1"
expect_equal "$(stat -c %a out/new.diff)" 600 "the mode"
run 'lvpatch --verify < out/new.diff'
run 'cd out && lvdiff -q -o here.diff vg0/base vg0/vol > stdout'
expect_equal "$OUTPUT" "" "what is said with -q"
expect_equal "$(stat -c %s out/stdout)" 0 "the size of standard output"
run 'lvpatch -q --verify < out/here.diff'
expect_equal "$OUTPUT" "" "what is said with -q"
expect_files out here.diff new.diff stdout

say "an old file is replaced, a link followed"
rm out/*
echo old > out/old
ln -s old out/link
run lvdiff -o out/link vg0/base vg0/vol
expect_files out link old
expect_equal "$(readlink out/link)" old "the link"
run 'lvpatch --verify < out/old'

say "what is no regular file is written as it is"
run lvdiff -o /dev/null vg0/base vg0/vol
[ -c /dev/null ] || fail "/dev/null is gone"
mkfifo fifo
sha1sum < fifo > fifo.sum &
run lvdiff -o fifo vg0/base vg0/vol
wait $!
expect_equal "$(cut -d ' ' -f 1 fifo.sum)" "$(sed -n 's/^SHA1: //p' <<< "$OUTPUT")" "the SHA-1"
[ -p fifo ] || fail "the FIFO was replaced"

say "a block device is refused, and holds what it held"
run lvcreate -T vg0/pool0 -V 32M -n other
fill /dev/vg0/other 0 $((1024))
before=$(sha256sum < /dev/vg0/other)
expect_exit 2 'lvdiff vg0/base vg0/vol > /dev/vg0/other'
expect_text "standard output is a block device"
expect_exit 2 lvdiff -o /dev/vg0/other vg0/base vg0/vol
expect_text "/dev/vg0/other is a block device"
expect_equal "$(sha256sum < /dev/vg0/other)" "$before" "what it holds"
run lvremove -y vg0/other

say "a full file system: nothing stays, an old file stays as it was"
mkdir small
run mount -t tmpfs -o size=10M tmpfs small
expect_exit 7 lvdiff -o small/new.diff vg0/base vg0/vol
expect_files small
echo old > small/old
expect_exit 7 lvdiff -o small/old vg0/base vg0/vol
expect_files small old
expect_equal "$(cat small/old)" old "the old file"
expect_exit 7 'lvdiff vg0/base vg0/vol > small/stdout'
rm small/stdout
expect_exit 7 lvdiff -o /dev/full vg0/base vg0/vol
no_leftovers

say "other errors"
expect_exit 1 lvdiff -o none/x vg0/base vg0/vol
expect_exit 1 lvdiff -o out vg0/base vg0/vol
expect_exit 2 lvdiff -o out/old vg0/base vg0/none
run 'lvpatch --verify < out/old'
run mount -o remount,ro small
expect_exit 1 lvdiff -o small/old vg0/base vg0/vol
expect_files small old
ln -s nowhere dangling
expect_exit 1 lvdiff -o dangling vg0/base vg0/vol
expect_equal "$(readlink dangling)" nowhere "the link"
no_leftovers

say "interrupted: nothing stays, an old file stays as it was"
rm out/*
echo old > out/old
slow vg0-pool0_tdata 500
for signal in TERM INT HUP; do
	show "lvdiff -q -d 0 -o out/old vg0/base vg0/vol & kill -$signal"
	unignored lvdiff -q -d 0 -o out/old vg0/base vg0/vol 2> /tmp/.said &
	PID=$!
	# The guest's /tmp is a tmpfs: the file has no name before it is complete.
	wait_until writes_into "$PWD/out"
	expect_equal "$(cat out/old)" old "the old file meanwhile"
	kill "-$signal" "$PID"
	ended 5
	expect_equal "$STATUS" 1 "the status"
	expect_text "interrupted by SIG$signal"
	expect_files out old
	expect_equal "$(cat out/old)" old "the old file"
done
show "lvdiff -q -d 0 -o out/new vg0/base vg0/vol & kill -KILL"
lvdiff -q -d 0 -o out/new vg0/base vg0/vol 2> /tmp/.said &
PID=$!
wait_until writes_into "$PWD/out"
[ ! -e out/new ] || fail "the file is there before it is complete"
kill -KILL "$PID"
ended 5
expect_files out old
quick vg0-pool0_tdata
run lvdiff -q -o out/new vg0/base vg0/vol
expect_files out new old
no_leftovers

say "a reader that goes away"
expect_exit 1 'lvdiff vg0/base vg0/vol | head -c 1000 > /dev/null'
expect_text "Broken pipe"
[[ $OUTPUT != *panicked* ]] || fail "it panicked"
no_leftovers

say "a terminal"
# script gives its command a terminal; what it copies of it is the output.
on_terminal() {
	expect_exit "$1" script -qec "$2" /dev/null
}
on_terminal 2 "lvdiff vg0/base vg0/vol"
expect_text "terminal"
[[ $OUTPUT != *HYPERLAYER* ]] || fail "the stream went to the terminal"
on_terminal 0 "lvdiff --list vg0/base vg0/vol"
expect_text "       0  25165824  changed"
expect_text "vg0/base -> vg0/vol: 1 extent, 24.0 MiB changed (75.0% of the volume), 0 bytes unmapped"
on_terminal 0 "lvdiff -q -o out/quiet vg0/base vg0/vol"
expect_equal "$OUTPUT" "" "what is said with -q"
slow vg0-pool0_tdata 500
on_terminal 0 "lvdiff -o out/shown vg0/base vg0/vol"
expect_text "lvdiff: sending ["
on_terminal 0 "lvdiff -q -o out/quiet vg0/base vg0/vol"
expect_equal "$OUTPUT" "" "what is said with -q"
quick vg0-pool0_tdata
on_terminal 2 "lvpatch -g vg0 -l base new"
expect_text "standard input"
no_leftovers
