# lvsync push to a device in place, here and on another host. What was written to is noticed, a run that is cut is
# undone by the next one, and a snapback leads back.
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

say "and is replaced if that is wanted: what differs is sent, by digests"
push --overwrite --report json vg0/vol0 /dev/vg1/place
expect_text "since what was there"
sent=$(tail -n 1 <<< "$OUTPUT" | grep -o '"sent_bytes":[0-9]*' | cut -d : -f 2)
[ "$sent" -lt 2000000 ] || fail "$sent bytes were sent of 1 MiB and a chunk that differ"
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
start_push --bwlimit 2M vg0/vol0 /dev/vg1/place
wait_until written /dev/vg1/place $((written + 8192))
kill -STOP "$PID"
expect_exit 1 lvsync push vg0/vol0 /dev/vg1/place
expect_text "another run is writing to /dev/vg1/place"
killed
[ "$(sum /dev/vg1/place)" != "$before" ] || fail "it was killed too early"
fill /dev/vg0/vol0 40960 64 seventh
push vg0/vol0 /dev/vg1/place
expect_text "an earlier run was cut"
expect_text "since vg0/"
expect_place /dev/vg1/place

say "a full stream that is cut is sent again, without being asked for"
run lvcreate -y -n other -L 64M vg1
start_push --bwlimit 2M vg0/vol0 /dev/vg1/other
wait_until written /dev/vg1/other 4096
killed
push vg0/vol0 /dev/vg1/other
expect_place /dev/vg1/other

say "to another host; the connection breaks"
run 'ssh root@b lvcreate -y -n place -L 64M vg1'
push --compress zstd vg0/vol0 root@b:/dev/vg1/place
expect_equal "$(on_b sum /dev/vg1/place)" "$(newest)" "the sum on b"
before=$(on_b sum /dev/vg1/place)
fill /dev/vg0/vol0 0 32768 eighth
written=$(on_b io_stat /dev/vg1/place 7)
start_push --bwlimit 1M vg0/vol0 root@b:/dev/vg1/place
wait_until on_b "[ \$(io_stat /dev/vg1/place 7) -gt $((written + 8192)) ]"
killed
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

say "too small, not there, and the volume itself"
run lvcreate -y -n small -L 32M vg1
sleep 1.1
expect_exit 7 lvsync push vg0/vol0 /dev/vg1/small
expect_exit 2 lvsync push vg0/vol0 /dev/vg1/nothing
expect_equal "$(field vg1/small lv_tags)" "" "the tags"
expect_exit 2 lvsync push --overwrite vg0/vol0 /dev/vg0/vol0
expect_text "is the volume itself"
