# A merge waits for its origin's next activation: no run of ours is that. What cannot be done without it
# is refused, and what reads the origin while it is active, or its neighbours, works.
source /run/guest/lib.sh

# merge_later VG/ORIGIN VG/SNAPSHOT: the snapshot will be merged once the origin is activated next.
merge_later() {
	exec 8< "/dev/$1"
	run lvconvert --merge "$2"
	exec 8<&-
	waits "$2" || fail "the merge of $2 does not wait"
}

# waits VG/SNAPSHOT: succeeds if its merge still waits.
waits() {
	[[ $(lvs -a --noheadings -o lv_name,lv_attr "${1%/*}") == *"[${1#*/}]"*" S"* ]]
}

# refused_for SNAPSHOT COMMAND: it is refused because of the merge, which still waits.
refused_for() {
	refused 1 "$2"
	expect_text "$1 is being merged into"
	expect_text "lvchange -ay"
	waits "$1" || fail "the merge was carried out"
}

make_vgs
make_pool vg0 pool0 64k 128M
make_pool vg1 pool0 64k 128M
run lvcreate -T vg0/pool0 -V 24M -n vol0
run lvcreate -T vg1/pool0 -V 24M -n s1
run lvcreate -q -s -kn -n s1 vg0/vol0
fill /dev/vg0/vol0 1024 512 new
run lvcreate -q -s -kn -n s2 vg0/vol0
run 'lvdiff -q vg0/s1 vg0/s2 > /tmp/stream'
run 'lvdiff -q vg0/s1 > /tmp/full'
run lvcreate -q -s -kn -n m vg0/vol0
fill /dev/vg0/vol0 4096 256 only-here
run lvcreate -q -s -kn -n m vg1/s1
merge_later vg0/vol0 vg0/m
merge_later vg1/s1 vg1/m

say "the origin is active: what it holds is read, and nothing is built on it"
remember /dev/vg0/vol0 /dev/vg1/s1
expected=$(sum /dev/vg0/vol0)
run 'lvdiff -q vg0/s2 vg0/vol0 > /tmp/active'
unchanged
refused_for vg0/m 'lvdiff --snapshot vg0/s2 vg0/vol0 > /dev/null'
refused_for vg1/m 'lvpatch -g vg1 -l s1 < /tmp/stream'
refused_for vg1/m 'lvpatch --in-place -g vg1 -l s1 -i /tmp/stream'
refused_for vg1/m 'lvpatch --device /dev/vg1/s1 -i /tmp/stream'

say "it is not active"
run lvchange -an vg0/vol0 vg1/s1
remember
for names in 'vg0/s2 vg0/vol0' 'vg0/vol0 vg0/s2' vg0/vol0 '--list vg0/s2 vg0/vol0' '--snapshot vg0/vol0'; do
	refused_for vg0/m "lvdiff $names > /dev/null"
done
for how in '' --check '--in-place --check' --in-place --no-base-check; do
	refused_for vg1/m "lvpatch $how -g vg1 -l s1 -i /tmp/stream"
done

say "its neighbours have no part in it"
run 'lvdiff -q vg0/s1 vg0/s2 > /dev/null'
run 'lvpatch -q -g vg1 -p pool0 full < /tmp/full'
run lvremove -q -y vg1/full
unchanged
run lvcreate -q -s -n kept vg0/vol0
run lvchange -ay -K vg0/kept
expect_equal "$(sum /dev/vg0/kept)" "$expected" "what the origin holds"

say "classic snapshots: LVM activates the origin and all its snapshots together"
for volume in base other; do
	run lvcreate -q -y -n "$volume" -L 16M vg1
	fill "/dev/vg1/$volume" 0 64 same
done
run lvcreate -q -y -s -n snap -L 8M vg1/base
run lvcreate -q -y -s -n merging -L 8M vg1/base
fill /dev/vg1/base 0 256 new
run 'lvdiff -q vg1/snap > /tmp/classic'
merge_later vg1/base vg1/merging
run lvchange -q -y -an vg1/base
remember
for names in vg1/snap '--list vg1/snap'; do
	refused_for vg1/merging "lvdiff $names > /dev/null"
done
refused_for vg1/merging 'lvpatch --in-place -g vg1 -l base -i /tmp/classic'
run 'lvpatch --check --in-place -g vg1 -l other -i /tmp/classic'

say "a thin volume whose external origin is the origin of the merge"
run lvchange -q -pr vg1/base
run lvcreate -q -s --thinpool vg1/pool0 -n over vg1/base
run lvchange -q -an vg1/over
remember
refused_for vg1/merging 'lvdiff vg1/over > /dev/null'
expect_text "vg1/over becomes active only together with vg1/base"
no_leftovers vg0/kept
