# What is done when a program says so outlasts a power cut in that very moment. Each boot looks at what
# the one before left, and does one thing; then the test cuts the power. Beside it, in the same boot, files
# and a volume are written that nobody syncs: they must be lost, or the cut would prove nothing.
#@ test: guests.rs
source /run/guest/lib.sh

step=$(cat /run/out/step)

# The kernel writes back only what it is told to: pages by their age after an hour (with 0 it would look
# at once), and the journals, by their own clock, after ten minutes.
echo 360000 > /proc/sys/vm/dirty_writeback_centisecs
mount_files() {
	mkdir -p /tmp/files /tmp/control
	run mount -o commit=600 /dev/ubdc /tmp/files
	run mount -o commit=600 /dev/ubdd /tmp/control
}

# known NAME: a sum that was noted when everything was prepared.
known() {
	cat "/tmp/files/sums/$1"
}

# finish COMMAND: runs it, and is done with it: the test waits for the line. What nobody syncs is written
# before, so that the kernel has more time for it than for what the command did last.
finish() {
	exec 9<> /dev/vg1/control # its pages would be written when the last one closes it
	head -c 1M /tmp/files/base.img | tr '\0' x | dd of=/dev/vg1/control conv=notrunc status=none
	cp /tmp/files/full /tmp/control/copied
	echo "unsynced" > /tmp/control/.aside
	mv /tmp/control/.aside /tmp/control/moved
	show "$1"
	if bash -o pipefail -c "$1" > /tmp/.output 2>&1; then
		echo "(done, and the power goes)"
		sleep 1000
	fi
	cat /tmp/.output
	fail "it did not succeed"
}

# expect_names FOLDER NAME…: these are all files that are there, hidden ones included.
expect_names() {
	local folder=$1
	shift
	expect_equal "$(ls -A "$folder" | paste -s -d ' ')" "$*" "what is in $folder"
}

# expect_stream FILE: it leads from the base to the target.
expect_stream() {
	run "lvpatch -q --verify < $1"
	cp --sparse=always /tmp/files/base.img /tmp/copy.img
	run "lvpatch -q --device /tmp/copy.img < $1"
	expect_equal "$(sum /tmp/copy.img)" "$(known target)" "what the stream makes"
	rm /tmp/copy.img
}

# expect_control: what nobody synced is lost.
expect_control() {
	expect_equal "$(sum /dev/vg1/control)" "$(known control)" "the volume that nobody synced"
	expect_names /tmp/control lost+found
}

if [ "$step" = prepare ]; then
	make_twins 16
	run lvcreate -y -L 4M -n control vg1
	zero /dev/vg1/control 0 4096
	for disk in c d; do
		run mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "/dev/ubd$disk"
	done
	mount_files
	run lvchange -ay -K vg0/sp0
	run lvcreate -s -n one vg0/sp0
	mkdir /tmp/files/streams /tmp/files/sums
	cd /tmp/files
	run 'lvdiff -q -d 3 vg0/sp0 vg0/vol0 > change'
	run 'lvdiff -q vg0/one > full'
	run 'lvdiff -q -d 3 vg0/one vg0/vol0 > second'
	run lvcreate -s -kn -n small vg0/vol0
	run lvreduce -q -f -y -L 12M vg0/small
	run 'lvdiff -q -d 3 vg0/sp0 vg0/small > shrink'
	sum /dev/vg0/small > sums/small
	content /dev/vg0/sp0 > base.img
	cp base.img disk.img
	cp base.img small.img
	sum /dev/vg0/sp0 > sums/base
	sum /dev/vg0/vol0 > sums/target
	sum /dev/vg1/control > sums/control
	cd /tmp
	run umount /tmp/files /tmp/control
	exit
fi

run vgscan -q
run vgchange -q -an
check_pool vg0/pool0 vg1/pool0
run vgchange -q -ay -K
mount_files
# Whatever was left active before is not any more: these are ours.
no_leftovers $(lvs --noheadings -o lv_full_name vg0 vg1)

say "what the last step left"
before=$(cat /tmp/files/sums/step 2> /dev/null || true)
streams=/tmp/files/streams
case $before in
output)
	expect_names $streams change
	expect_stream $streams/change
	;;
stdout)
	expect_names $streams change
	expect_stream $streams/change
	;;
volume)
	run lvs vg1/vol0
	expect_equal "$(sum /dev/vg1/vol0)" "$(known target)" "the new volume"
	expect_equal "$(field vg1/vol0 lv_tags | grep -o 'source=[^,]*')" \
		"source=$(field vg0/vol0 lv_uuid)" "its tag"
	run lvremove -q -y vg1/vol0
	;;
each)
	run lvs vg1/one vg1/vol0
	expect_equal "$(sum /dev/vg1/one)" "$(known base)" "the first new volume"
	expect_equal "$(sum /dev/vg1/vol0)" "$(known target)" "the second new volume"
	run lvremove -q -y vg1/vol0 vg1/one
	;;
in_place)
	expect_names $streams undo
	expect_equal "$(sum /dev/vg1/sp0)" "$(known target)" "the volume"
	run "lvpatch -q --verify < $streams/undo"
	;;
undone)
	expect_equal "$(sum /dev/vg1/sp0)" "$(known base)" "the volume, brought back"
	;;
image)
	expect_names $streams undo
	expect_equal "$(sum /tmp/files/disk.img)" "$(known target)" "the image"
	run "lvpatch -q --verify < $streams/undo"
	;;
image_back)
	expect_equal "$(sum /tmp/files/disk.img)" "$(known base)" "the image, brought back"
	;;
new_image)
	expect_names $streams new.img
	expect_equal "$(sum $streams/new.img)" "$(known base)" "the new image"
	;;
small_image)
	expect_equal "$(byte_size /tmp/files/small.img)" 12582912 "the size of the image that shrank"
	expect_equal "$(sum /tmp/files/small.img)" "$(known small)" "the image that shrank"
	;;
thin_device)
	expect_equal "$(sum /dev/vg1/sp0)" "$(known target)" "the device"
	;;
esac
if [ -n "$before" ]; then
	expect_control
fi
if [ "$step" = end ]; then
	[ "$before" = thin_device ] || fail "the last step was $before"
	exit
fi

say "$step"
case $step in undone | image_back) ;; *) rm -f $streams/* ;; esac
echo "$step" > /tmp/files/sums/step
run sync
case $step in
output) finish "lvdiff -d 3 -o $streams/change vg0/sp0 vg0/vol0" ;;
stdout) finish "lvdiff -d 3 vg0/sp0 vg0/vol0 > $streams/change" ;;
volume) finish 'lvpatch -g vg1 -l sp0 < /tmp/files/change' ;;
each) finish 'lvpatch -g vg1 -p pool0 --each -i /tmp/files/full -i /tmp/files/second' ;;
in_place) finish "lvpatch --in-place -g vg1 -l sp0 --backup $streams/undo < /tmp/files/change" ;;
undone) finish "lvpatch --in-place -g vg1 -l sp0 -i $streams/undo" ;;
image) finish "lvpatch --device /tmp/files/disk.img --backup $streams/undo < /tmp/files/change" ;;
image_back) finish "lvpatch --device /tmp/files/disk.img -i $streams/undo" ;;
new_image) finish "lvpatch --device $streams/new.img < /tmp/files/full" ;;
small_image) finish "lvpatch --device /tmp/files/small.img < /tmp/files/shrink" ;;
thin_device) finish 'lvpatch --device /dev/vg1/sp0 < /tmp/files/change' ;;
*) fail "there is no step $step" ;;
esac
