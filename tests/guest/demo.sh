# The README's example, line by line: a volume goes from vg0 to vg1 as a difference.
set -euo pipefail

step() {
	printf '\n$ %s\n' "$1"
	eval "$1"
}

note() {
	printf '\n# %s\n' "$1"
}

mkdir -p /tmp/mnt
vgcreate -q -y vg0 /dev/ubda > /dev/null
vgcreate -q -y vg1 /dev/ubdb > /dev/null

note "a thin volume"
step "lvcreate --thinpool vg0/pool0 -l 90%FREE vg0; lvcreate -T vg0/pool0 -V 500M -n vol0"
note "the base: a snapshot"
step "lvcreate -s -n sp0 vg0/vol0"
note "changes"
step "mkfs.ext4 /dev/vg0/vol0"
step "mount /dev/vg0/vol0 /tmp/mnt"
step "echo 'hello world' > /tmp/mnt/hello"
step "umount /tmp/mnt"

note "the difference; without -g the names are looked up in all volume groups"
step "lvdiff sp0 vol0 > test.diff"
step "lvdiff -g vg0 --pair 'Author:Someone' --pair 'Message: hello world' sp0 vol0 > test.diff"
step "sha1sum test.diff"
step "lvpatch --info < test.diff | grep -v '^Base digest'"

note "another volume group, where sp0 is identical to vg0/sp0: empty"
step "lvcreate --thinpool vg1/pool0 -l 90%FREE vg1; lvcreate -T vg1/pool0 -V 500M -n sp0"
note "makes /dev/vg1/vol0, a snapshot of vg1/sp0 with the changes"
step "cat test.diff | lvpatch -g vg1 -l sp0"
step "lvs -o lv_name,vg_name,lv_size,pool_lv,origin,data_percent"

note "the same volume"
step "mount -o ro /dev/vg1/vol0 /tmp/mnt"
step "cat /tmp/mnt/hello"
step "umount /tmp/mnt"
step "sha256sum /dev/vg0/vol0 /dev/vg1/vol0 | tee sums"
[ "$(cut -d ' ' -f 1 sums | sort -u | wc -l)" = 1 ]
