# Machines as they are set up: what LVM's commands say beside their reports, and a /dev without nodes.
source /run/guest/lib.sh

make_twins 4
run 'lvdiff -q vg0/sp0 vg0/vol0 > changes'

# works WHAT: both programs do what they do.
works() {
	run 'lvdiff -q -d 3 vg0/sp0 vg0/vol0 > got'
	run 'lvdiff -q --list vg0/sp0 vg0/vol0 > list'
	run lvpatch -q -g vg1 -l sp0 new -i got
	expect_equal "$(sum /dev/vg1/new)" "$(sum /dev/vg0/vol0)" "the new volume, $1"
	run lvremove -q -y vg1/new
	run lvdiff --list -g vg0
	[[ $OUTPUT =~ vg0/vol0\ +4.0\ MiB\ +[0-9.]+\ MiB ]] || fail "what is mapped is not known, $1"
	no_leftovers
}

cp /run/lvmconf/lvm.conf plain.conf
say "settings of LVM that change what its commands print"
for setting in 'log { prefix="LVM: " }' 'log { command_names=1 prefix=" " }' 'log { verbose=3 }' \
	'log { silent=1 }' 'report { prefixes=1 quoted=0 headings=0 aligned=0 columns_as_rows=1 buffered=0 }' \
	'report { compact_output=1 mark_hidden_devices=0 binary_values_as_numeric=1 output_format="basic" }' \
	'log { report_command_log=1 } global { units="k" suffix=1 }'; do
	{ cat plain.conf; echo "$setting"; } > /run/lvmconf/lvm.conf
	works "$setting"
done
cp plain.conf /run/lvmconf/lvm.conf

say "a damaged disk, and one that is missing, of other groups"
truncate -s 100M damaged.img
truncate -s 40M first.img
truncate -s 40M second.img
run losetup /dev/loop0 damaged.img
run losetup /dev/loop1 first.img
run losetup /dev/loop2 second.img
run vgcreate -q damaged /dev/loop0
run lvcreate -q -y -L 8M -n x damaged
run vgchange -q -an damaged
run vgcreate -q partial /dev/loop1 /dev/loop2
run lvcreate -q -y -i 2 -L 8M -n x partial
run vgchange -q -an partial
run losetup -d /dev/loop2
perl -e 'open F, "+<", "damaged.img"; local $/; $_ = <F>; while (/extent_count = /g) { seek F, pos, 0; print F "zzz{" }'
run lvs
works "beside them"
run losetup -d /dev/loop0
run losetup -d /dev/loop1

say "a /dev that has no dm-N, and one that has nothing but the disks"
# in_dev COMMAND: runs it where /dev has only what is listed in $HAS.
in_dev() {
	show "(in a /dev with: $HAS) $*"
	OUTPUT=$(HAS=$HAS unshare -m bash -euo pipefail -c '
		mkdir -p /run/real /run/bare
		mount --bind /dev /run/real
		mount -t tmpfs -o mode=755 none /run/bare
		(cd /run/real && cp -a --parents null urandom $HAS /run/bare)
		mount --move /run/bare /dev
		umount /run/real
		cd /tmp
		(eval "$1")
		ls -AR /dev > /tmp/seen' bash "$1" 2>&1 < /dev/null) || { echo "$OUTPUT"; fail "it failed"; }
	echo "$OUTPUT"
	! grep -q lvdiff /tmp/seen || fail "a node was left behind"
}
run lvchange -q -K -ay vg0/sp0 vg1/sp0
EXPECTED=$(sum /dev/vg0/vol0)
mappers=$(cd /dev && echo mapper/*)
for HAS in "ubda ubdb $mappers" "ubda ubdb mapper/control" "ubda ubdb"; do
	in_dev 'lvdiff -q -d 3 vg0/sp0 vg0/vol0 > got'
	in_dev 'lvdiff -q --list vg0/sp0 vg0/vol0 && lvdiff --list -g vg0'
	[[ $OUTPUT =~ vg0/vol0\ +4.0\ MiB\ +[0-9.]+\ MiB ]] || fail "what is mapped is not known"
	in_dev 'lvpatch -q -g vg1 -l sp0 new -i got'
	run dmsetup mknodes
	expect_equal "$(sum /dev/mapper/vg1-new)" "$EXPECTED" "the new volume"
	run lvremove -q -y vg1/new
done
no_leftovers vg0/sp0 vg1/sp0
