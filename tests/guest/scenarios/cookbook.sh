# docs/cookbook.md: its scripts make backups on several days, and its commands restore from them.
#@ guests: two
source /run/guest/lib.sh
source /run/guest/net.sh
join_network

# code MARK: the code of the page that stands after `<!-- MARK -->`.
code() {
	local text
	text=$(awk -v mark="<!-- $1 -->" '
		$0 == mark { found = 1; next }
		found && /^```/ { if (inside) exit; inside = 1; next }
		inside' /run/docs/cookbook.md)
	[ -n "$text" ] || fail "the page has no $1"
	echo "$text"
}

# paste MARK: runs this code of the page, in the folder of the backups.
paste() {
	code "tested: $1" > /tmp/pasted
	cat /tmp/pasted
	run 'cd /srv/backup/vol0 && bash -eu /tmp/pasted'
}

# files TEXT: ends the scenario if the folder holds other streams.
files() {
	expect_equal "$(cd /srv/backup/vol0 && ls -A | grep -vx .lock | xargs)" "$1" "the streams"
}

# day NUMBER: something changes in the file system.
day() {
	run "head -c 700000 /dev/urandom > /tmp/machine/$1 && sync"
}

mkdir /tmp/bin /tmp/machine /tmp/mnt
for script in lv-backup lv-send; do
	code "file: $script" > "/tmp/bin/$script"
	chmod 755 "/tmp/bin/$script"
done
export PATH=/tmp/bin:$PATH
run mount -t tmpfs -o size=64M none /srv
run mount -t tmpfs -o size=64M none /var/tmp

make_vgs
make_pool vg0 pool0 64k 512M
make_pool vg1 pool0 64k 256M
run ssh root@b lvcreate --type thin-pool --chunksize 64k -L 256M -n pool0 vg1
run lvcreate -T vg0/pool0 -V 24M -n vol0
# A machine: who mounts the file system is not LVM's device, but another on top of it.
run mkfs.ext4 -q /dev/vg0/vol0
run mount -o loop /dev/vg0/vol0 /tmp/machine
export VOLUME=vg0/vol0 FOLDER=/srv/backup/vol0 KEEP=1 MERGE=2
export FREEZE='fsfreeze -f /tmp/machine' THAW='fsfreeze -u /tmp/machine'

# backup DATE: lv-backup, on this day. What the day's snapshot holds is in $SUMS.
declare -A SUMS
backup() {
	run env "DATE=$1" lv-backup
	run lvchange -ay -K "vg0/vol0-$1"
	SUMS[$1]=$(sum "/dev/vg0/vol0-$1")
	# It was frozen: nothing is to be recovered.
	run e2fsck -fn "/dev/vg0/vol0-$1"
	run lvchange -an "vg0/vol0-$1"
	no_leftovers
}

say "the first night is a full stream; once more on the same day is nothing"
day 21
backup 2026-11-21
files "vol0-2026-11-21.full"
run env DATE=2026-11-21 lv-backup
expect_text "there is a backup of 2026-11-21 already"
files "vol0-2026-11-21.full"

say "a freeze or a snapshot that fails: it is thawed, and nothing is left"
day 22
for freeze in "$FREEZE; false" "$FREEZE; kill -TERM \$\$; sleep 1" "$FREEZE; VOLUME=vg0/none"; do
	status=0
	show "FREEZE='$freeze' lv-backup"
	FREEZE=$freeze DATE=2026-11-22 lv-backup || status=$?
	echo "(exit status $status)"
	[ "$status" != 0 ] || fail "it succeeded"
	expect_exit 1 fsfreeze -u /tmp/machine
done
expect_equal "$(lvs --noheadings -o lv_name vg0 | xargs)" "pool0 vol0 vol0-2026-11-21" "the volumes"

say "a night that fails, and the same once more"
used=$(($(stat -f -c '%b - %f' /srv)))
run mount -o "remount,size=$(((used + 20) * 4096))" /srv
expect_exit 7 env DATE=2026-11-22 lv-backup
files "vol0-2026-11-21.full"
no_leftovers
run mount -o remount,size=64M /srv
backup 2026-11-22
day 23
backup 2026-11-23
files "vol0-2026-11-21.full vol0-2026-11-22.diff vol0-2026-11-23.diff"

# drill DATE: the volume that was restored is this day's.
drill() {
	expect_equal "$(sum /dev/vg0/drill)" "${SUMS[$1]}" "the restored volume"
	run mount -o ro /dev/vg0/drill /tmp/mnt
	run umount /tmp/mnt
	run lvremove -q -y vg0/drill
}

say "restore drills"
paste restore
paste restore-day
paste verify
paste sums
expect_equal "$(awk '/drill|vol0/ && length($1) == 64 { print $1 }' <<< "$OUTPUT" | uniq -c | xargs)" \
	"2 ${SUMS[2026-11-23]}" "the sums"
drill 2026-11-23
paste other-restores
expect_equal "$(sum /var/tmp/vol0.img)" "${SUMS[2026-11-23]}" "the image"
for date in 2026-11-21 2026-11-22 2026-11-23; do
	expect_equal "$(sum "/dev/vg1/vol0-$date")" "${SUMS[$date]}" "the volume of $date"
	run "cat $FOLDER/*.full $FOLDER/*.diff | lvpatch -q -g vg0 -p pool0 --until vol0-$date drill"
	drill "$date"
done

say "object storage, as far as its programs are concerned a folder"
mkdir /tmp/store
cat > /tmp/bin/rclone <<-'RCLONE'
	#!/bin/bash
	object=/tmp/store/${2##*/}
	case $1 in rcat) cat > "$object" ;; cat) cat "$object" ;; deletefile) rm "$object" ;; *) exit 1 ;; esac
RCLONE
cat > /tmp/bin/aws <<-'AWS'
	#!/bin/bash
	case "$1 $2 $3" in
	's3 cp -') cat > "/tmp/store/${4##*/}" ;;
	's3 cp '*) cat "/tmp/store/${3##*/}" ;;
	's3 rm '*) rm "/tmp/store/${3##*/}" ;;
	*) exit 1 ;;
	esac
AWS
chmod 755 /tmp/bin/rclone /tmp/bin/aws
paste store
paste fetch
drill 2026-11-23
run lvrename vg0 vol0-2026-11-23 away
code "tested: store" > /tmp/pasted
expect_exit 1 'rm /tmp/store/* && bash -eu /tmp/pasted'
expect_equal "$(ls /tmp/store | xargs)" "vol0-2026-11-21.full vol0-2026-11-22.diff" "the objects"
run lvrename vg0 away vol0-2026-11-23

say "the oldest increments go into the full stream, and the oldest snapshots go"
day 24
backup 2026-11-24
files "vol0-2026-11-23.full vol0-2026-11-24.diff"
expect_equal "$(lvs --noheadings -o lv_name vg0 | xargs)" \
	"pool0 vol0 vol0-2026-11-22 vol0-2026-11-23 vol0-2026-11-24" "the volumes"
for date in 2026-11-23 2026-11-24; do
	run "cat $FOLDER/*.full $FOLDER/*.diff | lvpatch -q -g vg0 -p pool0 --until vol0-$date drill"
	drill "$date"
done

say "over ssh, together with the other"
export HOST=root@b POOL=vg1/pool0
# sent DATE: lv-send, on this day; what is there is the same.
sent() {
	run env "DATE=$1" lv-send
	expect_equal "$(on_b sum "/dev/vg1/vol0-$1")" "${SUMS[$1]}" "the volume on b"
	no_leftovers
	on_b no_leftovers
}
sent 2026-11-24
expect_text "nothing ->"
run env DATE=2026-11-24 lv-send
expect_text "is there already"
day 25
expect_exit 255 env DATE=2026-11-25 HOST=root@nowhere lv-send
backup 2026-11-25
sent 2026-11-25
expect_text "vg0/vol0-2026-11-24 ->"
day 26
backup 2026-11-26
line=$(grep -o 'lvdiff [^|`]* | ssh root@b lvpatch --check [^`]*' /run/docs/cookbook.md)
line=${line/2026-11-21/2026-11-25}
run "set +o pipefail; ${line/2026-11-22/2026-11-26}"
expect_text "would be applied on vg1/vol0-2026-11-25"
KEEP=2 sent 2026-11-26
expect_equal "$(on_b 'lvs --noheadings -o lv_name vg1 | xargs')" "pool0 vol0-2026-11-25 vol0-2026-11-26" \
	"the volumes on b"
files "vol0-2026-11-25.full vol0-2026-11-26.diff"

say "a night whose clock is ahead does not stop the later ones, nor does the day that it took"
day 27
backup 2027-01-01
day 28
# Of a night that failed: what it holds is not of today.
run lvcreate -q -s -pr -n vol0-2027-01-02 vg0/vol0
day 29
run env DATE=2026-11-27 lv-backup
expect_text "was the clock wrong?"
files "vol0-2027-01-01.full vol0-2027-01-03.diff"
run env DATE=2026-11-27 lv-backup
expect_text "there is a backup of 2026-11-27 already"
day 30
run env DATE=2027-01-03 lv-backup
files "vol0-2027-01-01.full vol0-2027-01-03.diff vol0-2027-01-04.diff"
for date in 2027-01-03 2027-01-04; do
	run lvchange -ay -K "vg0/vol0-$date"
	SUMS[$date]=$(sum "/dev/vg0/vol0-$date")
	run lvchange -an "vg0/vol0-$date"
	run "cat $FOLDER/*.full $FOLDER/*.diff | lvpatch -q -g vg0 -p pool0 --until vol0-$date drill"
	drill "$date"
done
[ "${SUMS[2027-01-03]}" != "${SUMS[2027-01-04]}" ] || fail "two days are one"

say "the base is gone: it says so, and the old chain stays"
run lvremove -q -y vg0/vol0-2027-01-04
expect_exit 1 env DATE=2027-01-05 lv-backup
expect_text "begins anew"
run umount /tmp/machine
no_leftovers
