# lvsync push to an image, here and on another host, and from a classic snapshot.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
source /run/guest/sync.sh
join_network
cover_state

make_vgs
make_pool vg0 pool0 64k 512M
run lvcreate -T vg0/pool0 -V 64M -n vol0
fill /dev/vg0/vol0 0 2048 first
mkdir /tmp/images

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
expect_text "since what was there"
expect_place /tmp/images/disk.img
expect_equal "$(stat -c %a /tmp/images/disk.img)" 640 "the mode"

say "a file that is not known is not overwritten"
truncate -s 64M /tmp/images/mine
sleep 1.1
expect_exit 2 lvsync push vg0/vol0 /tmp/images/mine
expect_text "--overwrite"
push --overwrite vg0/vol0 /tmp/images/mine
expect_place /tmp/images/mine
truncate -s 10M /tmp/images/short
push --overwrite vg0/vol0 /tmp/images/short
expect_text "all of it"
expect_place /tmp/images/short
expect_exit 2 lvsync push vg0/vol0 /tmp/images
expect_exit 1 lvsync push vg0/vol0 /tmp/nowhere/disk.img

say "the way back"
before=$(sum /tmp/images/disk.img)
fill /dev/vg0/vol0 0 512 fourth
push --full --snapback /tmp/images/back vg0/vol0 /tmp/images/disk.img
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
start_push --bwlimit 2M vg0/vol0 /mnt/disk.img
wait_until [ -e /mnt/.disk.img.lvsync-undo ]
wait_until eval '[ "$(sum /mnt/disk.img)" != "$before" ]'
killed
[ -e /mnt/.disk.img.lvsync-undo ] || fail "there is nothing to undo"
push vg0/vol0 /mnt/disk.img
expect_text "an earlier run was cut"
expect_place /mnt/disk.img

say "a first image that is cut leaves nothing"
start_push --bwlimit 4M vg0/vol0 /mnt/new.img
sleep 1
killed
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
