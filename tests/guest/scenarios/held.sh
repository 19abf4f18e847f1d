# A pool has one metadata snapshot. One that somebody else holds is theirs; a pool that can make
# none says why.
#@ also on: debian-13
source /run/guest/lib.sh

make_twins 4
run 'lvdiff -d 3 vg0/sp0 vol0 > /tmp/before'
run lvcreate -q -T vg0/pool0 -V 4M -n empty0
run lvcreate -q -s -kn -n empty1 vg0/empty0
run 'lvdiff vg0/empty0 empty1 > /tmp/nothing'
lock=/run/lock/lvdiff.vg0-pool0-tpool.lock

say "held by somebody else: exit 6, and it stays held"
run dmsetup message vg0-pool0-tpool 0 reserve_metadata_snap
root=$(pool_status vg0/pool0 held)
remember
for arguments in "" "-d 0" "--snapshot" "--list" "-o /tmp/file"; do
	refused 6 "lvdiff $arguments vg0/sp0 vol0 > /tmp/out"
	expect_text "held by another program"
	expect_text "block $root"
	expect_text "dmsetup status vg0-pool0-tpool"
	expect_text "--force-release"
	[ ! -s /tmp/out ] || fail "something was written all the same"
done
[ ! -e /tmp/file ] || fail "a file was written all the same"

say "the line that the message names shows it"
run dmsetup status vg0-pool0-tpool
expect_text " $root "

say "a lock file of ours that speaks of another block does not make it ours"
told="transaction $(pool_status vg0/pool0 transaction), boot $(cat /proc/sys/kernel/random/boot_id)"
for record in "metadata snapshot held at block $((root + 1)), $told" \
	"metadata snapshot held at block $root, ${told%boot*}boot other" \
	"metadata snapshot held at block" ""; do
	echo "$record" > "$lock"
	chmod 600 "$lock"
	refused 6 "lvdiff vg0/sp0 vol0 > /tmp/out"
done

say "nor does one that is not ours: a link, or somebody else's file"
echo "metadata snapshot held at block $root" > /tmp/record
chown 65534 /tmp/record
for make in "ln -s /tmp/record" "cp -p /tmp/record"; do
	run "$make $lock"
	expect_exit 1 "lvdiff vg0/sp0 vol0 > /tmp/out"
	expect_text "$lock"
	run rm "$lock"
	unchanged
done
expect_equal "$(< /tmp/record)" "metadata snapshot held at block $root" "the file behind the link"

say "another pool, and a patch that needs none, are not concerned"
run 'lvpatch -g vg0 -l sp0 new < /tmp/before'
run 'lvpatch -g vg1 -l sp0 < /tmp/before'
run lvremove -y vg0/new vg1/vol0
unchanged

say "it can still be read by those who hold it"
run "thin_dump -m /dev/mapper/vg0-pool0_tmeta"
expect_text '<device dev_id="1"'

say "--force-release"
run 'lvdiff --force-release vg0/sp0 vol0 > /tmp/after'
expect_text "releasing the metadata snapshot"
expect_equal "$(pool_status vg0/pool0 held)" - "the held root"
run 'mangle records < /tmp/before > /tmp/before.records'
run 'mangle records < /tmp/after > /tmp/after.records'
run cmp /tmp/before.records /tmp/after.records
run 'lvdiff --force-release vg0/sp0 vol0 > /tmp/after'
no_leftovers

say "somebody else releases ours while we read: what was read may be of any time"
run lvchange -ay -K vg0/sp0
remember
slow vg0-pool0_tmeta 300
lvdiff vg0/sp0 vol0 > /tmp/out 2> /tmp/.said &
PID=$!
wait_until held vg0/pool0
run dmsetup message vg0-pool0-tpool 0 release_metadata_snap
ended 10
quick vg0-pool0_tmeta
expect_equal "$STATUS" 1 "the status"
expect_text "released"
[ ! -s /tmp/out ] || fail "something was written all the same"
unchanged

say "a pool that is read-only"
table=$(dmsetup table vg0-pool0-tpool)
# … META DATA BLOCK LOW_WATER COUNT FEATURE…
read -r -a words <<< "$table"
read_only="${words[*]:0:7} $((${words[7]:-0} + 1)) read_only ${words[*]:8}"
run dmsetup suspend vg0-pool0-tpool
run dmsetup load vg0-pool0-tpool --table "$read_only"
run dmsetup resume vg0-pool0-tpool
expect_equal "$(pool_status vg0/pool0 mode)" ro "the pool's mode"
remember
refused 1 'lvdiff vg0/sp0 vol0 > /tmp/out'
expect_text "vg0-pool0-tpool is read-only"
refused 1 'lvpatch -g vg0 -l sp0 new < /tmp/before'
expect_text "vg0-pool0-tpool is read-only"
# What has no first chunk refuses even to be synced.
refused 1 'lvdiff vg0/empty0 empty1 > /tmp/out'
expect_text "vg0-pool0-tpool is read-only"
for check in '' --check; do
	refused 1 "lvpatch $check -g vg0 -l empty0 new < /tmp/nothing"
	expect_text "vg0-pool0-tpool is read-only"
done
run dmsetup suspend vg0-pool0-tpool
run dmsetup load vg0-pool0-tpool --table "$table"
run dmsetup resume vg0-pool0-tpool
run 'lvdiff vg0/sp0 vol0 > /tmp/out'

say "a pool whose metadata could not be written, and needs a check"
read -r -a words < <(dmsetup table vg0-pool0_tmeta)
run dmsetup suspend vg0-pool0_tmeta
run dmsetup load vg0-pool0_tmeta --table \
	"0 ${words[1]} flakey ${words[3]} ${words[4]} 0 1000 1 error_writes"
run dmsetup resume vg0-pool0_tmeta
# A write that needs a new chunk. It fails, or only the pool notices.
fill /dev/vg0/vol0 3584 64 lost || true
run dmsetup suspend vg0-pool0_tmeta
run dmsetup load vg0-pool0_tmeta --table "${words[*]}"
run dmsetup resume vg0-pool0_tmeta
run dmsetup status vg0-pool0-tpool
expect_text " ro "
expect_text " needs_check "
remember
refused 1 'lvdiff vg0/sp0 vol0 > /tmp/out'
expect_text "vg0-pool0-tpool needs a check"
expect_text "lvmthin(7)"
refused 1 'lvpatch -g vg0 -l sp0 new < /tmp/before'
expect_text "vg0-pool0-tpool needs a check"
