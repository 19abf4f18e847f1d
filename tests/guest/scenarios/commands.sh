# How many of LVM's programs a run starts. Each takes a tenth of a second, and most of them a lock on the volume
# group: one more is felt in every backup. It does not depend on how much has changed.
source /run/guest/lib.sh

# Each writes a line before it becomes what it stands for.
mkdir /tmp/counted
cat > /tmp/counted/lvm <<'END'
#!/bin/bash
line="${0##*/} $*"
echo "${line//$'\n'/ }" >> /tmp/commands
exec "/usr/sbin/${0##*/}" "$@"
END
chmod +x /tmp/counted/lvm
for program in /usr/sbin/{lv,vg,pv}* /usr/sbin/dmsetup; do
	[ -e "/tmp/counted/${program##*/}" ] || ln -s lvm "/tmp/counted/${program##*/}"
done

# at_most N COMMAND: a line of shell that starts no more than N of LVM's programs.
at_most() {
	local most=$1 number
	shift
	: > /tmp/commands
	run "PATH=/tmp/counted:\$PATH; $1"
	# Without the settings of a report, which are long.
	sed 's/^/  /; s/--config .* --nosuffix/…/' /tmp/commands | cut -c 1-140
	number=$(wc -l < /tmp/commands)
	echo "($number of at most $most)"
	# None at all: then nothing was counted.
	[ "$number" -gt 0 ] || fail "no command was counted: $1"
	[ "$number" -le "$most" ] || fail "$number commands, expected at most $most: $1"
}

make_twins 16
run lvcreate -s -kn -n same vg0/vol0

# The bounds are today's numbers; LVM before 2.03.12, which lacks a field of the report, would be asked once more.
say "lists: a report, and where the base is not active, one more, and the base activated and deactivated"
at_most 1 'lvdiff --list > /dev/null'
at_most 1 'lvdiff --summary > /dev/null'
at_most 1 'lvdiff --summary -g vg0 -p pool0 > /dev/null'
at_most 1 'lvdiff --list vg0/same vol0 > /dev/null'
at_most 4 'lvdiff --list vg0/sp0 vol0 > /dev/null'

say "lvdiff: the same, of nothing changed and of something; its own snapshot is made and removed, after a report of merges"
at_most 1 'lvdiff vg0/same vol0 > /tmp/same'
at_most 4 'lvdiff vg0/sp0 vol0 > /tmp/changed'
at_most 4 'lvdiff --snapshot vg0/same vol0 > /dev/null'
at_most 1 'lvdiff vol0 > /dev/null'

say "lvpatch: two reports, the volume made, its name, its tags; the kernel says what was made, and on which disks"
at_most 5 'lvpatch -g vg1 -l sp0 < /tmp/changed'
at_most 5 'lvpatch -g vg1 -l vol0 next < /tmp/same'

say "lvpatch: two reports for a check; and in place the tags, taken away and given"
at_most 2 'lvpatch --check -g vg1 -l vol0 other < /tmp/same'
at_most 4 'lvpatch --in-place -g vg1 -l vol0 < /tmp/same'

say "what is of files alone starts none"
: > /tmp/commands
run 'PATH=/tmp/counted:$PATH; lvpatch --verify < /tmp/changed && lvpatch --info /tmp/changed > /dev/null'
expect_equal "$(cat /tmp/commands)" "" "what was started"
no_leftovers vg0/same
