# lvsync pull: another host's volumes come to a pool here.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

# pull ARGUMENT…: a pull in a second of its own.
pull() {
	sleep 1.1
	run lvsync pull "$@"
}

# names: the copies here, oldest first.
names() {
	lvs --noheadings -o lv_name -O lv_name vg0 | tr -d ' ' | grep "^$1\.sync\." || true
}

run vgcreate -y vg0 /dev/ubda
make_pool vg0 pool0 64k 256M
run 'ssh root@b lvcreate --type thin-pool --chunksize 64k -L 256M -n pool0 vg1'
run 'ssh root@b lvcreate -T vg1/pool0 -V 32M -n vol0'
run 'ssh root@b lvcreate -T vg1/pool0 -V 32M -n vol1'
on_b fill /dev/vg1/vol0 0 1024 first
on_b fill /dev/vg1/vol1 0 512 other

say "all of both"
pull root@b:vg1/vol0 root@b:vg1/vol1 vg0/pool0
expect_text "vg1/vol0.sync."
expect_text "all of it"
first=$(names vol0)
other=$(names vol1)
expect_equal "$(on_b "lvs --noheadings -o lv_name vg1" | tr -d ' ' | grep sync)" "$first
$other" "the points on b"
on_b lvchange -ay -K "vg1/$first"
expect_twins "vg0/$first" "vg1/$first"
on_b lvchange -an "vg1/$first"
expect_equal "$(field "vg0/$first" lv_permissions)" read-only "what may be done with the copy"

say "what changed since"
on_b fill /dev/vg1/vol0 4096 1024 second
pull --compress zstd --granularity 4096 --keep 2 --report json root@b:vg1/vol0 vg0/pool0
expect_text "since vg1/$first"
expect_text '"action":"pull"'
expect_text "\"base\":\"vg1/$first\""
second=$(names vol0 | tail -n 1)
expect_equal "$(field "vg0/$second" origin)" "$first" "the origin of the copy"
on_b lvchange -ay -K "vg1/$second"
expect_twins "vg0/$second" "vg1/$second"
on_b lvchange -an "vg1/$second"

say "what cannot be done there is an error here"
before=$(lvs --noheadings -o lv_name,lv_tags vg0)
expect_exit 2 lvsync pull root@b:vg1/nothing vg0/pool0
expect_text "lvsync on root@b could not do it"
expect_exit 2 lvsync pull root@b:vg1/vol0 vg0/nothing
expect_exit 2 lvsync pull vg1/vol0 vg0/pool0
expect_exit 1 lvsync pull root@nowhere:vg1/vol0 vg0/pool0
run lvchange -prw "vg0/$second"
run lvchange -ay -K "vg0/$second"
fill "/dev/vg0/$second" 0 64 other
run lvchange -an "vg0/$second"
sleep 1.1
expect_exit 3 lvsync pull root@b:vg1/vol0 vg0/pool0
run lvchange -pr "vg0/$second"
expect_equal "$(lvs --noheadings -o lv_name,lv_tags vg0)" "$before" "the volumes"
expect_equal "$(on_b "lvs --noheadings -o lv_name vg1" | tr -d ' ' | grep -c sync)" 3 "the points on b"
no_leftovers
on_b no_leftovers
