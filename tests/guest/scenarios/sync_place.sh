# lvsync push to one place: a device in place and an image, here and on another host. What was written to is noticed,
# a run that is cut is undone by the next one, and a snapback leads back.
#@ guests: two
#@ parts: 2
source /run/guest/lib.sh
source /run/guest/net.sh
join_network
# What lvsync keeps of a device is there.
mount -t tmpfs tmpfs /var/lib
ssh root@b mount -t tmpfs tmpfs /var/lib

# push ARGUMENT…: a push in a second of its own.
push() {
	sleep 1.1
	run lvsync push "$@"
}

# points: the points of vg0/vol0, oldest first.
points() {
	lvs --noheadings -o lv_name -O lv_name vg0 | tr -d ' ' | grep '\.sync\.' || true
}

# newest: the sum of the newest point.
newest() {
	local point
	point=vg0/$(points | tail -n 1)
	lvchange -ay -K "$point"
	sum "/dev/$point"
	lvchange -an "$point"
}

# expect_place PATH: it holds the newest point, and nothing of the run is left.
expect_place() {
	expect_equal "$(sum "$1")" "$(newest)" "the sum of $1"
	no_leftovers
	nothing_beside
}

# nothing_beside: neither an undo nor a lock is left, nor an image that is not complete.
nothing_beside() {
	local left
	left=$(find /var/lib/lvsync /tmp/images /mnt -name '*lvsync-*' -o -name '*-undo' -o -name '*-lock' 2> /dev/null)
	expect_equal "$left" "" "what is left"
}

# written DEVICE SECTORS: so much was written to it.
written() {
	[ "$(io_stat "$1" 7)" -gt "$2" ]
}

# start_push ARGUMENT…: a push in the background. It is $PID, and what it says is in /tmp/.said.
start_push() {
	sleep 1.1
	show "lvsync push $* &"
	unignored lvsync push "$@" > /tmp/.said 2>&1 &
	PID=$!
}

make_vgs
make_pool vg0 pool0 64k 512M
run lvcreate -T vg0/pool0 -V 64M -n vol0
fill /dev/vg0/vol0 0 2048 first
mkdir /tmp/images

if [ "$(cat /run/out/part)" = 1 ]; then
	run lvcreate -y -n place -L 64M vg1

	say "an empty device: all of it"
	push vg0/vol0 /dev/vg1/place
	expect_text "all of it"
	expect_place /dev/vg1/place
	expect_equal "$(field vg1/place lv_tags | tr ',' '\n' | grep -c 'lvsync\.\|lvpatch.source')" 4 "the tags"

	say "what changed since, and the two last points stay"
	fill /dev/vg0/vol0 4096 1024 second
	push vg0/vol0 /dev/vg1/place
	expect_text "since vg0/"
	expect_place /dev/vg1/place
	fill /dev/vg0/vol0 8192 1024 third
	push vg0/vol0 /dev/vg1/place
	expect_text "is removed"
	expect_place /dev/vg1/place
	expect_equal "$(points | wc -l)" 2 "the points"

	say "somebody wrote where nothing has changed: nothing is changed"
	fill /dev/vg1/place 60000 4 other
	fill /dev/vg0/vol0 12288 1024 fourth
	before=$(sum /dev/vg1/place) tags=$(field vg1/place lv_tags) kept=$(points)
	sleep 1.1
	expect_exit 3 lvsync push vg0/vol0 /dev/vg1/place
	expect_text "--overwrite"
	expect_equal "$(sum /dev/vg1/place)" "$before" "the sum"
	expect_equal "$(field vg1/place lv_tags)" "$tags" "the tags"
	expect_equal "$(points)" "$kept" "the points"
	no_leftovers
	nothing_beside

	say "and is replaced if that is wanted"
	push --overwrite vg0/vol0 /dev/vg1/place
	expect_text "all of it"
	expect_place /dev/vg1/place

	say "another volume's copy is not overwritten"
	run lvcreate -T vg0/pool0 -V 64M -n vol1
	expect_exit 2 lvsync push vg0/vol1 /dev/vg1/place
	expect_text "another volume"

	say "the way back, and forward again"
	before=$(sum /dev/vg1/place)
	fill /dev/vg0/vol0 0 512 fifth
	discard /dev/vg0/vol0 1024 512
	push --snapback /tmp/back vg0/vol0 /dev/vg1/place
	expect_place /dev/vg1/place
	expect_exit 2 lvsync push --snapback /tmp/back vg0/vol0 /dev/vg1/place
	expect_text "exists already"
	run lvpatch --device /dev/vg1/place -i /tmp/back
	expect_equal "$(sum /dev/vg1/place)" "$before" "the sum after going back"
	push vg0/vol0 /dev/vg1/place
	expect_text "since vg0/"
	expect_place /dev/vg1/place

	say "killed in the middle: the next run undoes it, and brings all"
	before=$(sum /dev/vg1/place)
	fill /dev/vg0/vol0 0 32768 sixth
	written=$(io_stat /dev/vg1/place 7)
	start_push --bwlimit 8M vg0/vol0 /dev/vg1/place
	wait_until written /dev/vg1/place $((written + 8192))
	expect_exit 1 lvsync push vg0/vol0 /dev/vg1/place
	expect_text "another run is writing to /dev/vg1/place"
	kill -9 "$PID"
	wait "$PID" || true
	[ "$(sum /dev/vg1/place)" != "$before" ] || fail "it was killed too early"
	fill /dev/vg0/vol0 40960 64 seventh
	push vg0/vol0 /dev/vg1/place
	expect_text "an earlier run was cut"
	expect_text "since vg0/"
	expect_place /dev/vg1/place

	say "a full stream that is cut is sent again, without being asked for"
	run lvcreate -y -n other -L 64M vg1
	start_push --bwlimit 8M vg0/vol0 /dev/vg1/other
	wait_until written /dev/vg1/other 4096
	kill -9 "$PID"
	wait "$PID" || true
	push vg0/vol0 /dev/vg1/other
	expect_place /dev/vg1/other

	say "to another host; the connection breaks"
	run 'ssh root@b lvcreate -y -n place -L 64M vg1'
	push --compress zstd vg0/vol0 root@b:/dev/vg1/place
	expect_equal "$(on_b sum /dev/vg1/place)" "$(newest)" "the sum on b"
	before=$(on_b sum /dev/vg1/place)
	fill /dev/vg0/vol0 0 32768 eighth
	written=$(on_b io_stat /dev/vg1/place 7)
	start_push --bwlimit 8M vg0/vol0 root@b:/dev/vg1/place
	wait_until on_b "[ \$(io_stat /dev/vg1/place 7) -gt $((written + 8192)) ]"
	kill -9 "$PID"
	wait "$PID" || true
	wait_until on_b "[ \$(sum /dev/vg1/place) = $before ]"
	push vg0/vol0 root@b:/dev/vg1/place
	expect_text "since vg0/"
	expect_equal "$(on_b sum /dev/vg1/place)" "$(newest)" "the sum on b"
	on_b no_leftovers

	say "a volume in a pool that is written in place is no copy of that pool's, nor a point"
	make_pool vg1 pool0 64k 256M
	run lvcreate -T vg1/pool0 -V 64M -n thin
	push vg0/vol0 /dev/vg1/thin
	expect_place /dev/vg1/thin
	push vg0/vol0 vg1/pool0
	expect_text "all of it"
	expect_equal "$(field vg1/thin lv_permissions)" writeable "what may be done with vg1/thin"

	say "too small, and not there"
	run lvcreate -y -n small -L 32M vg1
	sleep 1.1
	expect_exit 7 lvsync push vg0/vol0 /dev/vg1/small
	expect_exit 2 lvsync push vg0/vol0 /dev/vg1/nothing
	expect_equal "$(field vg1/small lv_tags)" "" "the tags"
	exit 0
fi

say "an image is made, and it is sparse"
push vg0/vol0 /tmp/images/disk.img
expect_text "all of it"
expect_place /tmp/images/disk.img
[ "$(du -k /tmp/images/disk.img | cut -f 1)" -lt 4096 ] || fail "it is not sparse: $(du -k /tmp/images/disk.img)"
fill /dev/vg0/vol0 4096 512 second
push vg0/vol0 /tmp/images/disk.img
expect_text "since vg0/"
expect_place /tmp/images/disk.img
[ "$(du -k /tmp/images/disk.img | cut -f 1)" -lt 4096 ] || fail "it is not sparse: $(du -k /tmp/images/disk.img)"

say "somebody wrote to it: nothing is changed"
fill /tmp/images/disk.img 60000 4 other
fill /dev/vg0/vol0 6144 512 third
before=$(sum /tmp/images/disk.img) kept=$(points)
sleep 1.1
expect_exit 3 lvsync push vg0/vol0 /tmp/images/disk.img
expect_equal "$(sum /tmp/images/disk.img)" "$before" "the sum"
expect_equal "$(points)" "$kept" "the points"
nothing_beside
run chmod 640 /tmp/images/disk.img
push --overwrite vg0/vol0 /tmp/images/disk.img
expect_text "all of it"
expect_place /tmp/images/disk.img
expect_equal "$(stat -c %a /tmp/images/disk.img)" 640 "the mode"

say "a file that is not known is not overwritten"
truncate -s 64M /tmp/images/mine
sleep 1.1
expect_exit 2 lvsync push vg0/vol0 /tmp/images/mine
expect_text "--overwrite"
expect_exit 2 lvsync push vg0/vol0 /tmp/images
expect_exit 1 lvsync push vg0/vol0 /tmp/nowhere/disk.img

say "the way back"
before=$(sum /tmp/images/disk.img)
fill /dev/vg0/vol0 0 512 fourth
push --snapback /tmp/images/back vg0/vol0 /tmp/images/disk.img
expect_place /tmp/images/disk.img
run lvpatch --device /tmp/images/disk.img -i /tmp/images/back
expect_equal "$(sum /tmp/images/disk.img)" "$before" "the sum after going back"
rm -r /tmp/images
mkdir /tmp/images

say "on a file system with attributes, nothing stands beside it; killed in the middle"
run lvcreate -y -n files -L 256M vg1
run mkfs.ext4 -q /dev/vg1/files
run mount /dev/vg1/files /mnt
push vg0/vol0 /mnt/disk.img
expect_place /mnt/disk.img
expect_equal "$(ls -A /mnt | grep -v lost+found)" disk.img "the files"
fill /dev/vg0/vol0 0 32768 fifth
before=$(sum /mnt/disk.img)
start_push --bwlimit 8M vg0/vol0 /mnt/disk.img
wait_until [ -e /mnt/.disk.img.lvsync-undo ]
wait_until eval '[ "$(sum /mnt/disk.img)" != "$before" ]'
kill -9 "$PID"
wait "$PID" || true
[ -e /mnt/.disk.img.lvsync-undo ] || fail "there is nothing to undo"
push vg0/vol0 /mnt/disk.img
expect_text "an earlier run was cut"
expect_place /mnt/disk.img

say "a first image that is cut leaves nothing"
start_push --bwlimit 4M vg0/vol0 /mnt/new.img
sleep 1
kill -9 "$PID"
wait "$PID" || true
[ ! -e /mnt/new.img ] || fail "it has its name already"
push vg0/vol0 /mnt/new.img
expect_place /mnt/new.img

say "a volume that grew"
run lvextend -q -L 80M vg0/vol0
fill /dev/vg0/vol0 70000 64 sixth
push vg0/vol0 /mnt/disk.img
expect_text "since vg0/"
expect_place /mnt/disk.img
run umount /mnt

say "to another host"
run 'ssh root@b mkdir /tmp/images'
push vg0/vol0 root@b:/tmp/images/disk.img
fill /dev/vg0/vol0 50000 64 seventh
push vg0/vol0 root@b:/tmp/images/disk.img
expect_text "since vg0/"
expect_equal "$(on_b sum /tmp/images/disk.img)" "$(newest)" "the sum on b"
sleep 1.1
expect_exit 2 lvsync push vg0/vol0 'root@b:/tmp/images/$(id)'

say "a classic snapshot: first as it is, then what its origin has become"
run lvcreate -y -n thick -L 64M vg0
fill /dev/vg0/thick 0 1024 base
run lvcreate -y -s -n snap -L 32M vg0/thick
fill /dev/vg0/thick 512 1024 new
run lvcreate -y -n copy -L 64M vg1
expect_exit 3 lvsync push vg0/snap /dev/vg1/copy
expect_text "--overwrite"
run lvsync push --overwrite vg0/snap /dev/vg1/copy
expect_same /dev/vg0/snap /dev/vg1/copy
run lvsync push vg0/snap /dev/vg1/copy
expect_text "since vg0/snap"
expect_same /dev/vg0/thick /dev/vg1/copy

say "the next snapshot, and a copy made by other means"
run lvcreate -y -s -n snap2 -L 32M vg0/thick
fill /dev/vg0/thick 4096 64 newer
run lvsync push vg0/snap2 /dev/vg1/copy
expect_same /dev/vg0/thick /dev/vg1/copy
run lvcreate -y -n own -L 64M vg1
copy_volume /dev/vg0/snap2 /dev/vg1/own
run lvsync push vg0/snap2 /dev/vg1/own
expect_text "since vg0/snap2"
expect_same /dev/vg0/thick /dev/vg1/own
run lvsync push vg0/snap2 /tmp/images/thick.img
expect_same /dev/vg0/snap2 /tmp/images/thick.img
no_leftovers
