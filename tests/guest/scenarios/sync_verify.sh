# lvsync verify and repair: copies that are equal, that were changed, that lost a piece; here and on another host.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

# names VG: the points or copies there, oldest first.
names() {
	lvs --noheadings -o lv_name -O lv_name "$1" | tr -d ' ' | grep '\.sync\.' || true
}

# damage LV COMMAND...: runs a command while a copy is active and writable, and puts it back.
damage() {
	run lvchange -prw "$1"
	run lvchange -ay -K "$1"
	run "$2"
	run lvchange -an "$1"
	run lvchange -pr "$1"
}

# expect_rest POINT COPY: both are as inactive as before.
expect_rest() {
	expect_equal "$(field "$1" lv_active)$(field "$2" lv_active)" "" "what is active"
	no_leftovers
}

# verdict VOLUME POINT COPY: what sha256sum says about both: the same, or not.
verdict() {
	lvchange -ay -K "$1"
	lvchange -ay -K "$2"
	local one other
	one=$(sha256sum < "/dev/$1")
	other=$(sha256sum < "/dev/$2")
	lvchange -an "$1"
	lvchange -an "$2"
	[ "$one" = "$other" ] && echo same || echo different
}

make_vgs
make_pool vg0 pool0 64k 256M
make_pool vg1 pool0 64k 256M
run lvcreate -T vg0/pool0 -V 64M -n vol0
fill /dev/vg0/vol0 0 2048 first
fill /dev/vg0/vol0 32768 2048 far

say "there is nothing to compare yet"
expect_exit 1 lvsync verify vg0/vol0 vg1/pool0
expect_text "there is nothing to compare"

say "without reading, it says that it did not compare"
run lvsync push vg0/vol0 vg1/pool0
name=$(names vg0)
point=vg0/$name copy=vg1/$name
run lvsync verify vg0/vol0 vg1/pool0
expect_text "was not compared"

say "equal"
run lvsync verify --read vg0/vol0 vg1/pool0
expect_text "equal"
expect_equal "$(verdict "$point" "$copy")" same "what sha256sum says"
expect_rest "$point" "$copy"
field "$copy" lv_tags | grep -q 'lvsync\.verified=[0-9]' || fail "no tag says when it was verified"

say "one byte is flipped, in what is mapped"
damage "$copy" "printf '\\377' | dd of=/dev/$copy bs=1 seek=200003 conv=notrunc,fsync"
expect_equal "$(verdict "$point" "$copy")" different "what sha256sum says"
expect_exit 11 lvsync verify --read --report json vg0/vol0 vg1/pool0
expect_text "65536 bytes at offset 196608"
expect_text '"ranges":[{"length":65536,"offset":196608}]'
expect_rest "$point" "$copy"
! field "$copy" lv_tags | grep -q 'lvsync\.verified=' || fail "the tag of the last verification stays"

say "also where the point has a hole, and where the copy has one"
damage "$copy" "printf x | dd of=/dev/$copy bs=1 seek=20000000 conv=notrunc,fsync"
damage "$copy" "blkdiscard -o $((32768 * 1024)) -l 65536 /dev/$copy"
expect_exit 11 lvsync verify --read --bwlimit 100M vg0/vol0 vg1/pool0
expect_text "3 ranges"
expect_text "65536 bytes at offset 19988480"
expect_text "65536 bytes at offset $((32768 * 1024))"
expect_rest "$point" "$copy"

say "the repair sends what differs, and the copy is the same again"
old=$(field "$copy" lv_uuid)
run lvsync repair --report json vg0/vol0 vg1/pool0
expect_text "repaired: they differed in 3 ranges"
expect_text '"result":"repaired"'
[ "$(field "$copy" lv_uuid)" != "$old" ] || fail "$copy is the damaged volume"
expect_equal "$(names vg1)" "$name" "the copies"
expect_equal "$(field "$copy" lv_permissions) $(field "$copy" lv_skip_activation)" "read-only skipactivation" "the copy"
expect_equal "$(verdict "$point" "$copy")" same "what sha256sum says"
expect_rest "$point" "$copy"
run lvsync repair vg0/vol0 vg1/pool0
expect_text "equal"
sleep 1.1
fill /dev/vg0/vol0 4096 2048 second
run lvsync push vg0/vol0 vg1/pool0
expect_text "since $point"

say "on another host"
run 'ssh root@b lvcreate --type thin-pool --chunksize 64k -L 256M -n pool0 vg1'
sleep 1.1
run lvsync push vg0/vol0 root@b:vg1/pool0
name=$(names vg0 | tail -n 1)
run lvsync verify --read vg0/vol0 root@b:vg1/pool0
expect_text "equal"
run "ssh root@b 'lvchange -prw vg1/$name && lvchange -ay -K vg1/$name && printf x | dd of=/dev/vg1/$name bs=1 seek=70000 conv=notrunc,fsync && lvchange -an vg1/$name'"
expect_exit 11 lvsync verify --read vg0/vol0 root@b:vg1/pool0
expect_text "65536 bytes at offset 65536"
run lvsync repair vg0/vol0 root@b:vg1/pool0
run lvsync verify --read vg0/vol0 root@b:vg1/pool0
expect_text "equal"
expect_equal "$(on_b "lvs --noheadings -o lv_active vg1/$name" | tr -d ' ')" "" "whether the copy on b is active"
