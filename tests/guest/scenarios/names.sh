# How volumes are named, and what is said where a name does not do.
#@ also on: debian-13
source /run/guest/lib.sh

# The hyphens are such that vg-a/x and vg/a-x differ in device-mapper only by where they are doubled.
make_vgs vg-a vg
make_pool vg-a pool-0 64k 128M
make_pool vg pool-0 64k 64M
make_pool vg pool-1 64k 64M
run lvcreate -T vg-a/pool-0 -V 16M -n vm-100-disk-0
fill /dev/vg-a/vm-100-disk-0 0 2048 base
run lvcreate -s -kn -n base-1 vg-a/vm-100-disk-0
fill /dev/vg-a/vm-100-disk-0 1024 2048 changed

say "every form of a name"
first=$(dm_name vg-a base-1)
second=$(dm_name vg-a vm-100-disk-0)
run 'lvdiff -q --list -g vg-a base-1 vm-100-disk-0 | rows'
expect_equal "$OUTPUT" "1048576 2097152 changed" "what changed"
for names in "base-1 vm-100-disk-0" "vg-a/base-1 vg-a/vm-100-disk-0" \
	"/dev/vg-a/base-1 /dev/vg-a/vm-100-disk-0" "/dev/mapper/$first /dev/mapper/$second" \
	"/dev/dm-$(dmsetup info -c --noheadings -o minor "$first") /dev/dm-$(dmsetup info -c --noheadings -o minor "$second")" \
	"/dev/mapper/$first vm-100-disk-0"; do
	run "lvdiff -q --list $names | rows"
	expect_equal "$OUTPUT" "1048576 2097152 changed" "what changed"
done

say "hyphens on the other side"
run lvcreate -T vg/pool-0 -V 16M -n base-1
fill /dev/vg/base-1 0 2048 base
for base in "-g vg -l base-1 n-1" "-l vg/base-1 n-2" "-l /dev/vg/base-1 n-3" \
	"-l /dev/mapper/vg-base--1 n-4" "-g vg"; do
	run "lvdiff -q vg-a/base-1 vg-a/vm-100-disk-0 | lvpatch $base"
done
for new in n-1 n-2 n-3 n-4 vm-100-disk-0; do
	expect_same /dev/vg-a/vm-100-disk-0 "/dev/vg/$new"
	expect_equal "$(field "vg/$new" origin)" base-1 "the origin of $new"
done

say "two groups that only the hyphens tell apart"
run lvcreate -T vg-a/pool-0 -V 16M -n x
run lvcreate -T vg/pool-0 -V 16M -n a-x
run lvcreate -s -kn -n x0 vg-a/x
run lvcreate -s -kn -n a-x0 vg/a-x
fill /dev/vg-a/x 0 64
fill /dev/vg/a-x 64 64
run 'lvdiff -q --list /dev/mapper/vg--a-x0 /dev/mapper/vg--a-x | rows'
expect_equal "$OUTPUT" "0 65536 changed" "vg-a/x"
run 'lvdiff -q --list /dev/mapper/vg-a--x0 /dev/mapper/vg-a--x | rows'
expect_equal "$OUTPUT" "65536 65536 changed" "vg/a-x"

say "names that do not do: what was found is listed"
expect_exit 2 lvdiff --list base-1 vm-100-disk-0
expect_text "vg-a/base-1"
expect_text "vg/base-1"
expect_exit 2 lvdiff --list -g vg-a base-1 unknown
expect_text "unknown"
expect_text "vg-a/base-1"
expect_text "vg-a/vm-100-disk-0"
[[ $OUTPUT != *vg/* ]] || fail "a volume of another group is listed"
expect_exit 2 lvdiff --list -g none base-1 vm-100-disk-0
expect_exit 2 lvdiff --list -g vg-a vg/base-1 vm-100-disk-0
expect_text "vg/base-1"
for name in "/dev/vg-a/none" "/dev/mapper/vg--a-none" "none" "vg-a/none"; do
	expect_exit 2 lvdiff --list "$name" vg-a/x
	expect_text none
done
for name in "vg-a/base-1;true" /dev/null /dev/ubda /dev/dm-99; do
	expect_exit 2 lvdiff --list "$name" vg-a/x
	expect_text "$name"
done
expect_exit 2 lvdiff --list -d 1 vg-a/x
run 'lvdiff -q vg-a/base-1 vg-a/vm-100-disk-0 > named.diff'
expect_exit 2 'lvpatch -g vg-a -l none new < named.diff'
expect_text "vg-a/base-1"
expect_exit 2 'lvpatch -l base-1 new < named.diff'
expect_text "vg-a/base-1"
expect_text "vg/base-1"

say "a pool narrows down what is looked for"
run lvcreate -T vg/pool-1 -V 16M -n p
run lvcreate -s -kn -n p0 vg/p
run lvcreate -T vg-a/pool-0 -V 16M -n p
run lvcreate -s -kn -n p0 vg-a/p
fill /dev/vg/p 128 64
run 'lvdiff -q --list -p pool-1 p0 p | rows'
expect_equal "$OUTPUT" "131072 65536 changed" "vg/p"
expect_exit 2 lvdiff --list p0 p
expect_exit 2 lvdiff --list -g vg -p pool-0 p0 p
expect_text "pool-0"
run 'lvdiff -q -g vg -p pool-1 p0 p | lvpatch -p pool-1 -l p0 p1'
expect_same /dev/vg/p /dev/vg/p1

say "a pool's name says its group, wherever it is named"
for pool in vg/pool-1 /dev/vg/pool-1 /dev/mapper/vg-pool--1; do
	run "lvdiff -q --list -p $pool p0 p | rows"
	expect_equal "$OUTPUT" "131072 65536 changed" "vg/p"
done
run lvdiff --list -p vg/pool-1
expect_text "vg/p0"
[[ $OUTPUT != *vg-a/* ]] || fail "a volume of another pool is listed"
run 'lvdiff -q -p vg/pool-1 p0 p > pool.diff && lvdiff -q -p vg/pool-1 p > full.diff'
run lvpatch -q -p vg/pool-1 -l p0 p2 -i pool.diff
run lvpatch -q -p vg/pool-1 p3 -i full.diff
run lvpatch -q -g vg -p vg/pool-1 p4 -i full.diff
for new in p2 p3 p4; do
	expect_same /dev/vg/p "/dev/vg/$new"
	run lvremove -q -y "vg/$new"
done
expect_exit 2 lvdiff --list -g vg-a -p vg/pool-1 p0 p
expect_text "pool vg/pool-1 is not in volume group vg-a, which was named as well"
expect_exit 2 lvdiff --list -g vg-a -p vg/pool-1
expect_exit 2 lvdiff --list -p vg/pool-1 vg-a/p0 vg-a/p
expect_text "vg-a/p0"
for base in "-l p0" "" "-l vg/p0 --check" "--check"; do
	file=pool.diff
	[[ $base == -l* ]] || file=full.diff
	expect_exit 2 "lvpatch -g vg-a -p vg/pool-1 $base new < $file"
	expect_text "pool vg/pool-1 is not in volume group vg-a, which was named as well"
done
expect_exit 2 'lvpatch -p vg/none new < full.diff'
expect_text "vg/pool-1"

say "volumes that cannot be compared"
run lvcreate -y -L 16M -n thick vg-a
expect_exit 2 lvdiff --list vg-a/thick vg-a/x
expect_text "vg-a/thick is not a thin volume"
expect_exit 2 lvdiff --list vg-a/x vg-a/thick
expect_text "vg-a/thick is not a thin volume"
expect_exit 2 lvdiff --list vg-a/pool-0 vg-a/x
expect_text "vg-a/pool-0 is not a thin volume"
expect_exit 2 'lvpatch -l vg-a/thick new < named.diff'
expect_text "vg-a/thick is not a thin volume"
expect_exit 2 lvdiff --list vg-a/x "/dev/mapper/$(dm_name vg-a x)"
expect_text "vg-a/x is compared with itself"
expect_exit 2 lvdiff --list vg/a-x vg/p
expect_text "vg/a-x is in pool vg/pool-0"
expect_text "vg/p is in pool vg/pool-1"
expect_exit 2 lvdiff --list vg-a/x vg/a-x
expect_text "vg-a/x is in pool vg-a/pool-0"

say "a group whose name leaves little room"
truncate -s 128M long.img
loop=$(losetup -f --show long.img)
for length in 97 104 110; do
	group=$(printf 'g%.0s' $(seq "$length"))
	run vgcreate -q -y "$group" "$loop"
	run lvcreate -q -y --type thin-pool -n p -c 64k -L 32M --poolmetadataspare n "$group"
	run lvcreate -q -T "$group/p" -V 16M -n a
	fill "/dev/$group/a" 0 64
	run lvcreate -q -s -kn -n b "$group/a"
	fill "/dev/$group/a" 128 64
	run "lvdiff -q --snapshot $group/b $group/a | lvpatch -q -l $group/b c"
	expect_same "/dev/$group/a" "/dev/$group/c"
	no_leftovers
	run vgremove -q -y "$group"
done
run losetup -d "$loop"

say "a new volume's name"
for name in thick base-1 x snapshot1 a_tdata a/b; do
	expect_exit 2 "lvpatch -l vg-a/base-1 $name < named.diff"
	expect_text "$name"
done
expect_exit 2 'lvpatch -l vg-a/base-1 < named.diff'
expect_text "vm-100-disk-0 already exists"
no_leftovers
