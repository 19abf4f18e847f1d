# A volume is its UUID, not its name: two volume groups of one name, and a disk that was pulled, whose
# devices stay while another disk brings a group of that name.
source /run/guest/lib.sh

# make_group DISK SEED: a group vg0, as all of them are: names, sizes and thin ids are the same.
make_group() {
	run vgcreate -q -y vg0 "$1"
	make_pool vg0 pool0 64k 128M
	run lvcreate -q -T vg0/pool0 -V 32M -n vol0
	fill /dev/vg0/vol0 0 1024 "$2"
	run lvcreate -q -s -kn -n s1 vg0/vol0
	fill /dev/vg0/vol0 512 1024 "$2 changed"
	run lvcreate -q -s -kn -n s2 vg0/vol0
	run lvcreate -q -y -L 16M -n thick vg0
	run lvcreate -q -y -s -L 8M -n old vg0/thick
	fill /dev/vg0/thick 0 256 "$2"
}

# uuid_on DISK: the UUID of the group on it.
uuid_on() {
	pvs --noheadings -o vg_uuid "$1" | tr -d ' '
}

# hide DISK: LVM cannot see it, as if it had been pulled. Its devices stay.
hide() {
	mv "$1" "/run/${1##*/}"
}

# show_again DISK: it is back.
show_again() {
	mv "/run/${1##*/}" "$1"
}

say "a disk, and another one that is pulled while its volumes are active"
make_group /dev/ubda ours
run lvcreate -q -s -kn -n only vg0/vol0
run 'lvdiff -q vg0/s1 > full && lvdiff -q vg0/s1 vg0/s2 > changes && lvdiff -q vg0/old > classic'
OURS=$(sum /dev/vg0/s2)
run vgchange -q -an vg0
hide /dev/ubda
make_group /dev/ubdb theirs
THEIRS=$(uuid_on /dev/ubdb)
hide /dev/ubdb
show_again /dev/ubda
run lvs -a -o lv_full_name,lv_uuid,lv_active
run dmsetup info -c -o name,uuid,open

STALE=(/dev/mapper/vg0-s1 /dev/mapper/vg0-s2 /dev/mapper/vg0-thick /dev/mapper/vg0-old)
remember "${STALE[@]}"
says_whose() {
	expect_text "device vg0-$1 does not belong to vg0/${2:-$1}"
	expect_text "in volume group $THEIRS"
	expect_text "dmsetup remove vg0-$1"
}

say "what is asked of ours is not answered from theirs"
for options in "" "-d 0" "--snapshot" "--list"; do
	refused 1 "lvdiff $options vg0/s1 vg0/s2 > got"
	says_whose s1
done
refused 1 'lvdiff --snapshot vg0/s2 > got'
says_whose s2
refused 1 'lvdiff /dev/mapper/vg0-s1 /dev/mapper/vg0-s2 > got'
refused 1 'lvdiff vg0/old > got'
says_whose thick
# To activate one whose own name is free, LVM would need the pool's.
for command in 'lvdiff vg0/only > got' 'lvdiff --list vg0/only' 'lvpatch -g vg0 -l only new < changes'; do
	refused 1 "$command"
	says_whose pool0-tpool pool0
done
[ ! -s got ] || fail "a stream was written"
run 'lvdiff --list --json -g vg0 2> said | tee list; cat said'
for name in vol0 s1 s2; do
	grep -q "\"name\":\"vg0/$name\".*\"mapped_bytes\":null.*\"active\":false" list || fail "$name"
done
grep -q "device vg0-pool0-tpool does not belong to vg0/pool0" said || fail "nothing is said of the pool"
unchanged

say "and what is meant for ours is not written to theirs"
refused 1 'lvpatch -g vg0 -l s1 new < changes'
says_whose s1
refused 1 'lvpatch --check -g vg0 -l s1 new < changes'
refused 1 'lvpatch --in-place -g vg0 -l s1 < changes'
refused 1 'lvpatch --in-place --no-base-check -g vg0 -l s1 -i changes --backup undo'
[ ! -e undo ] || fail "a backup was begun"
refused 1 'lvpatch --in-place --no-base-check -g vg0 -l thick < classic'
says_whose thick
refused 1 'lvpatch -g vg0 -p pool0 new < full'
says_whose pool0-tpool pool0
refused 1 'lvpatch --check -g vg0 -p pool0 new < full'

say "both disks are there"
show_again /dev/ubdb
run vgs -o vg_name,vg_uuid
for command in 'lvdiff vg0/s1 vg0/s2' 'lvdiff -g vg0 s1 s2' 'lvdiff vg0/old' \
	'lvpatch -g vg0 -l s1 new -i changes' 'lvpatch --in-place -g vg0 -l s1 -i changes' \
	'lvpatch -g vg0 -p pool0 new -i full' 'lvpatch --check -l s1 new -i changes'; do
	expect_exit 2 "$command > got"
	expect_text "more than one volume group vg0"
	expect_text "$THEIRS"
	expect_text "vgrename UUID NEW"
	[[ $OUTPUT != *"name its volume group"* ]] || fail "it advises to name the group, which cannot help"
done
[ ! -s got ] || fail "a stream was written"
run 'lvdiff --list --json -g vg0 > list'
for name in s1 s2; do
	expect_equal "$(grep -c "\"name\":\"vg0/$name\".*\"active\":true" list)" 1 "how many $name are active"
	expect_equal "$(grep -c "\"name\":\"vg0/$name\".*\"mapped_bytes\":null.*\"active\":false" list)" 1 \
		"how many $name are not"
done

say "the way out"
run vgrename "$THEIRS" theirs
run 'lvdiff -q vg0/s1 vg0/s2 > got'
run 'lvpatch -q -g vg0 -l s1 new < got'
run lvchange -K -ay vg0/new
expect_equal "$(sum /dev/vg0/new)" "$OURS" "the new volume"
run lvchange -an vg0/new
no_leftovers
