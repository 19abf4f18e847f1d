source /run/guest/lib.sh
source /run/guest/pairs.sh
# Measures what a run costs in which nothing has changed, in volume groups of many volumes, for `cargo
# xtask bench`, which reads the lines that begin with `pair` (name, their nanoseconds, ours) and
# `commands` (name, what LVM's commands ours ran: in all, and in how many kinds). How many volumes,
# /run/out/counts says, in ascending order.

# multiply VG LV FROM TO: copies of a thin volume, in LVM's metadata alone: the pool does not know
# them, and they are never active. Making each with lvcreate would take hours.
multiply() {
	local file=/tmp/$1.txt
	run vgcfgbackup -f "$file" "$1"
	awk -v name="$2" -v from="$3" -v to="$4" '
		{ print }
		$0 == "\t\t" name " {" { inside = 1 }
		inside { block = block $0 "\n" }
		inside && $0 == "\t\t}" {
			inside = 0
			block = substr(block, length("\t\t" name " {") + 1)
			for (number = from; number <= to; number++) {
				copy = block
				sub(/id = "......-/, sprintf("id = \"%06d-", number), copy)
				sub(/device_id = [0-9]+/, "device_id = " (1000 + number), copy)
				sub(/transaction_id = [0-9]+/, "transaction_id = 0", copy)
				printf "\n\t\tmany%d {%s", number, copy
			}
		}' "$file" > "$file.many"
	run "vgcfgrestore -y --force -f $file.many $1 2>&1 | tail -n 1"
	rm "$file" "$file.many"
}

# commands NAME COMMAND: which of LVM's commands it runs.
commands() {
	local log=/tmp/commands.txt
	bash -o pipefail -c "$2" 2> "$log" > /dev/null
	sed -nE 's/^lv(diff|patch): ((lv|vg|pv)[a-z]+) .*/\2/p' "$log" > "$log.names"
	echo "ran $1: $(sort "$log.names" | uniq -c | tr -s ' \n' ' ')"
	echo "commands $1 $(wc -l < "$log.names") $(sort -u "$log.names" | wc -l)"
}

run pvcreate -q --metadatasize 32m /dev/ubda /dev/ubdb
make_vgs
make_pool vg0 pool0 64k 200M
make_pool vg1 pool0 64k 200M
run lvcreate -T vg0/pool0 -V 40M -n vol0
run lvcreate -T vg1/pool0 -V 40M -n sp0
fill /dev/vg0/vol0 0 4096
fill /dev/vg1/sp0 0 4096
run lvcreate -s -kn -ay -n sp0 vg0/vol0
run lvcreate -s -kn -ay -n sp1 vg0/vol0
run lvdiff -q -o /tmp/nothing.diff vg0/sp0 vg0/sp1

last=0
for count in $(< /run/out/counts); do
	say "$count volumes in each group"
	multiply vg0 sp0 $((last + 1)) "$count"
	multiply vg1 sp0 $((last + 1)) "$count"
	last=$count
	expect_equal "$(lvs --noheadings -o lv_name vg0 | grep -c many)" "$count" "the volumes"
	pairs "list-$count" "lvs vg0/sp1 > /dev/null" "lvdiff vg0/sp0 vg0/sp1 2> /dev/null > /dev/null"
	pairs "new-$count" "lvcreate -qq -s -kn -ay -n new vg1/sp0 && lvrename -qq vg1 new named" \
		"lvpatch -q -g vg1 -l sp0 -i /tmp/nothing.diff named" "lvremove -y vg1/named"
	commands "lvdiff-$count" "lvdiff -vv vg0/sp0 vg0/sp1"
	commands "lvpatch-$count" "lvpatch -vv -g vg1 -l sp0 -i /tmp/nothing.diff named"
	run lvremove -y vg1/named
done
