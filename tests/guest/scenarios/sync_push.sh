# lvsync push: points of a volume and their copies, in another group of this machine and on another host.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

# change OFFSET WORD: writes to vg0/vol0, in chunks that no other change touches.
change() {
	fill /dev/vg0/vol0 "$1" 2048 "$2"
}

# names VG: the points or copies there, oldest first.
names() {
	lvs --noheadings -o lv_name -O lv_name "$1" | tr -d ' ' | grep '\.sync\.' || true
}

# expect_copy POINT COPY: a copy is the same as its point, and nobody can write to it by accident.
expect_copy() {
	expect_equal "$(field "$2" lv_active)" "" "whether $2 is active"
	expect_equal "$(field "$2" lv_permissions)" read-only "what may be done with $2"
	expect_equal "$(field "$2" lv_skip_activation)" "skipactivation" "the activation of $2"
	run lvchange -ay -K "$1" "$2"
	expect_same "/dev/$1" "/dev/$2"
	run lvchange -an "$1" "$2"
}

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n vol0
change 0 first

say "all of it, to another group of this machine"
run lvsync push vg0/vol0 vg1/pool0
expect_text "all of it"
first=$(names vg0)
expect_equal "$(names vg1)" "$first" "the copies"
expect_copy "vg0/$first" "vg1/$first"
expect_equal "$(field "vg0/$first" lv_permissions)" read-only "what may be done with the point"

say "what changed since"
sleep 1.1
change 4096 second
run lvsync push vg0/vol0 vg1/pool0
expect_text "since vg0/$first"
second=$(names vg0 | tail -n 1)
expect_copy "vg0/$second" "vg1/$second"
expect_equal "$(field "vg1/$second" origin)" "$first" "the origin of the copy"

say "nothing changed; the oldest point goes here, and its copy stays"
sleep 1.1
run lvsync push --report json vg0/vol0 vg1/pool0
expect_text "vg0/$first is removed"
sent=$(tail -n 1 <<< "$OUTPUT" | grep -o '"sent_bytes":[0-9]*' | cut -d : -f 2)
[ "$sent" -lt 20000 ] || fail "$sent bytes were sent of nothing"
expect_equal "$(names vg0 | wc -l) $(names vg1 | wc -l)" "2 3" "the points and the copies"
third=$(names vg0 | tail -n 1)
expect_copy "vg0/$third" "vg1/$third"

say "what is refused changes nothing"
sleep 1.1
before=$(lvs --noheadings -o lv_name,lv_tags,origin vg0 vg1)
expect_exit 2 lvsync push vg0/nothing vg1/pool0
expect_exit 2 lvsync push vg0/vol0 vg1/nothing
expect_exit 2 lvsync push vg0/vol0 pool0
expect_equal "$(lvs --noheadings -o lv_name,lv_tags,origin vg0 vg1)" "$before" "the volumes"

say "a copy that somebody wrote to is no base"
run lvchange -prw "vg1/$third"
run lvchange -ay -K "vg1/$third"
fill "/dev/vg1/$third" 0 64 other
run lvchange -an "vg1/$third"
expect_exit 3 lvsync push vg0/vol0 vg1/pool0
expect_text "the other side says"
expect_equal "$(names vg0 | wc -l) $(names vg1 | wc -l)" "2 3" "the points and the copies"

say "with no point that both sides have, everything is sent only if that is allowed"
sleep 1.1
before=$(names vg0)
run lvremove -qq -y $(printf 'vg0/%s ' $before)
expect_exit 10 lvsync push vg0/vol0 vg1/pool0
expect_text "--full does that"
expect_equal "$(names vg0)" "" "the points"

say "to another host"
run 'ssh root@b lvcreate --type thin-pool --chunksize 64k -L 256M -n pool0 vg1'
sleep 1.1
change 8192 third
run lvsync push --compress zstd vg0/vol0 root@b:vg1/pool0
expect_text "all of it"
fourth=$(names vg0 | tail -n 1)
expect_equal "$(on_b 'lvs --noheadings -o lv_name vg1' | tr -d ' ' | grep sync)" "$fourth" "the copies on b"
sleep 1.1
change 12288 fourth
run lvsync push vg0/vol0 root@b:vg1/pool0
expect_text "since vg0/$fourth"
fifth=$(names vg0 | tail -n 1)
run "ssh root@b lvchange -ay -K vg1/$fifth"
expect_twins "vg0/$fifth" "vg1/$fifth"
run "ssh root@b lvchange -an vg1/$fifth"

say "two targets in turn: a push to one leaves what the other needs"
sleep 1.1
run lvsync push --full vg0/vol0 vg1/pool0
sixth=$(names vg0 | tail -n 1)
for word in sixth seventh; do
	sleep 1.1
	change 16384 "$word"
	run lvsync push vg0/vol0 root@b:vg1/pool0
done
sleep 1.1
run lvsync push vg0/vol0 vg1/pool0
expect_text "since vg0/$sixth"
fifth=$(names vg0 | tail -n 1)

say "a host that is not there"
expect_exit 1 lvsync push vg0/vol0 root@nowhere:vg1/pool0
expect_equal "$(names vg0 | tail -n 1)" "$fifth" "the newest point"
