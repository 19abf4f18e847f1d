# How much changed: lvdiff --summary of two volumes against thin_delta, and of all volumes against runs for each.
#@ also on: debian-13
source /run/guest/lib.sh

# delta VG/POOL CHUNK_KIB BASE VOLUME: what thin_delta says: the bytes that changed, and those unmapped.
delta() {
	local device size
	device=$(dm_name "${1%%/*}" "${1#*/}")
	size=$(field "$4" lv_size)
	dmsetup message "$device-tpool" 0 reserve_metadata_snap
	thin_delta -m --snap1 "$(field "$3" thin_id)" --snap2 "$(field "$4" thin_id)" "/dev/mapper/${device}_tmeta" |
		sed -n 's/^ *<\(different\|right_only\|left_only\) begin="\([0-9]*\)" length="\([0-9]*\)".*/\2 \3 \1/p' |
		awk -v chunk=$(($2 * 1024)) -v size="$size" '
			{ begin = $1 * chunk; end = begin + $2 * chunk; if (end > size) end = size }
			begin < end { bytes[$3 == "left_only"] += end - begin }
			END { printf "%d %d\n", bytes[0], bytes[1] }'
	dmsetup message "$device-tpool" 0 release_metadata_snap
}

# totals: the same from a summary in JSON.
totals() {
	jq -r '"\(.changed_bytes) \(.unmapped_bytes)"'
}

# of VG/LV PATH: what all.json says of a volume.
of() {
	jq -c --arg name "$1" ".volumes[] | select(.name == \$name) | $2" all.json
}

make_vgs
make_pool vg0 pool0 64k 192M
make_pool vg0 pool1 192k 64M
run lvcreate -y -q -L 8M -n thick vg0
fill /dev/vg0/thick 0 8192 thick
run lvchange -q -pr vg0/thick
run lvchange -q -an vg0/thick
for name in most little same dropped alone grown; do
	run lvcreate -q -T vg0/pool0 -V 32M -n $name
	fill /dev/vg0/$name 0 4096 base
done
# Within one second, or not: the second one is newer.
for name in most little same dropped grown; do
	run lvcreate -q -s -n $name-1 vg0/$name
	fill /dev/vg0/$name 0 64 "between"
	run lvcreate -q -s -n $name-0 vg0/$name
done
run lvcreate -q -T vg0/pool1 -V 32M -n odd
fill /dev/vg0/odd 0 $((32 * 1024)) base
run lvcreate -q -s -n odd-mon vg0/odd
run lvcreate -q -s --thinpool pool0 -n ext vg0/thick
run lvchange -q -ay -K vg0/ext
fill /dev/vg0/ext 0 1024 base
run lvcreate -q -s -n ext-mon vg0/ext
fill /dev/vg0/most 1000 9000 new
zero /dev/vg0/most 16384 128
discard /dev/vg0/most 2048 512
fill /dev/vg0/little 3000 4 new
discard /dev/vg0/dropped 1024 1024
run lvresize -q -L 48M vg0/grown
fill /dev/vg0/grown $((40 * 1024)) 300 new
fill /dev/vg0/odd 1000 3000 new
fill /dev/vg0/odd $((32 * 1024 - 4)) 4 end
fill /dev/vg0/ext 4096 64 new
discard /dev/vg0/ext 512 256
sync

say "two volumes: thin_delta's bytes"
for pair in "pool0 64 most" "pool0 64 little" "pool0 64 dropped" "pool1 192 odd"; do
	read -r pool chunk name <<< "$pair"
	snapshot=$name-0
	[ $name != odd ] || snapshot=odd-mon
	run "lvdiff --summary --json vg0/$snapshot vg0/$name 2> said | tee one.json"
	expected=$(delta vg0/$pool "$chunk" vg0/$snapshot vg0/$name)
	expect_equal "$(jq .totals one.json | totals)" "$expected" "what changed in $name"
	expect_equal "$(jq .chunk_size one.json)" $((chunk * 1024)) "the chunk size"
	# The list says the same, and so do its totals.
	expect_equal "$(lvdiff --list --json vg0/$snapshot vg0/$name 2> said | jq -c .totals)" \
		"$(jq -c .totals one.json)" "the list's totals"
	expect_equal "$(lvdiff -q --list vg0/$snapshot vg0/$name 2> said | rows |
		awk '{ bytes[$3] += $2 } END { printf "%d %d\n", bytes["changed"], bytes["unmapped"] }')" \
		"$expected" "the rows of the list"
done
run lvdiff --summary vg0/most-0 vg0/most
expect_text "Volume:       vg0/most, 32.0 MiB"
expect_text "Base:         vg0/most-0, 32.0 MiB"
expect_text "Unmapped:     512.0 KiB (524288 bytes)"
map=$(grep '^\[' <<< "$OUTPUT")
expect_equal "${#map}" 80 "the width of the map"
# A character stands for 420 KiB.
[[ $map == '[..###-###'*'##..'*'..+..'*'..]' ]] || fail "the map is $map"
no_leftovers

say "all volumes: what runs for each of them say"
remember
run 'lvdiff --summary --json -g vg0 > all.json'
expect_equal "$OUTPUT" "" "what was said"
unchanged
count=0
while read -r volume snapshot; do
	count=$((count + 1))
	[ "$snapshot" != null ] || continue
	run "lvdiff --summary --json $snapshot $volume 2> said | tee one.json"
	expect_equal "$(of "$volume" .totals)" "$(jq -c .totals one.json)" "what changed in $volume"
	expect_equal "$(of "$volume" .uuid)" "$(jq -c .volume.uuid one.json)" "the volume"
	expect_equal "$(of "$volume" .snapshot.uuid)" "$(jq -c .base.uuid one.json)" "the snapshot"
done < <(jq -r '.volumes[] | "\(.name) \(.snapshot.name)"' all.json)
expect_equal "$count" 20 "the volumes"
expect_equal "$(jq -r '.volumes[] | select(.snapshot) | "\(.name):\(.snapshot.name)"' all.json | sort | tr '\n' ' ')" \
	"vg0/dropped:vg0/dropped-0 vg0/ext:vg0/ext-mon vg0/grown:vg0/grown-0 vg0/little:vg0/little-0 vg0/most:vg0/most-0 vg0/odd:vg0/odd-mon vg0/same:vg0/same-0 " \
	"the newest snapshots"
expect_equal "$(of vg0/same '.totals | [.extents, .changed_bytes, .unmapped_bytes]')" "[0,0,0]" "what did not change"
[ "$(of vg0/ext .totals.unmapped_bytes)" = 0 ] || fail "what is unmapped reads as the external origin, not as zeros"
[ "$(of vg0/grown .totals.changed_bytes)" -ge $((300 * 1024)) ] || fail "what was written past the old end is missing"
[ "$(of vg0/odd .snapshot.age_seconds)" -lt 3600 ] || fail "the snapshot was made long ago"

say "the top changers first, and those without a snapshot last"
order=$(jq -r '[.volumes[] | select(.totals) | .totals.changed_bytes] | (. == (sort | reverse)) and (length == 7)' all.json)
expect_equal "$order" true "the order"
expect_equal "$(jq -r '.volumes[0].name' all.json)" vg0/most "the first"
expect_equal "$(jq -c '[.volumes[].totals] | map(. == null) | . == sort' all.json)" true "those without one"
run lvdiff --summary -g vg0
expect_equal "$(awk 'NR == 1 { print $1, $2, $3, $4, $5 }' <<< "$OUTPUT")" "VOLUME SNAPSHOT AGE CHANGED SHARE" "the headings"
expect_equal "$(awk 'NR == 2 { print $1, $2 }' <<< "$OUTPUT")" "vg0/most most-0" "the first row"
expect_equal "$(awk 'NR == 9 { print $1, $2, $(NF - 1), $NF }' <<< "$OUTPUT")" "vg0/alone - no snapshot" "the last row"
expect_text "not listed: inactive snapshots that have no snapshot themselves (12); -v lists them"
[[ $OUTPUT != *UUID* ]] || fail "there are wide columns"
run lvdiff --summary -v -g vg0
expect_text "$(field vg0/most lv_uuid)"
expect_text "vg0/most-1"
run lvdiff --summary -q -p pool1
expect_equal "$(awk '{ print $1 }' <<< "$OUTPUT" | tr '\n' ' ')" "VOLUME vg0/odd " "a pool"
expect_exit 2 lvdiff --summary -g none
expect_exit 2 lvdiff --summary -p vg0/thick
unchanged
no_leftovers

say "a volume that cannot be compared: its line says why, the others are compared, and the exit code says it too"
run dmsetup message vg0-pool0-tpool 0 "delete $(field vg0/little-0 thin_id)"
expect_exit 1 'lvdiff --summary --json -g vg0 > all.json'
expect_text "1 of 7 volumes could not be compared"
expect_equal "$(jq -r '[.volumes[] | select(.error) | .name] | join(" ")' all.json)" vg0/little "those not compared"
[[ $(of vg0/little .error) == *"thin device $(field vg0/little-0 thin_id)"* ]] || fail "no reason"
expect_equal "$(of vg0/most .snapshot.name)" '"vg0/most-0"' "the others"
expect_equal "$(of vg0/most .totals.unmapped_bytes)" 524288 "the others"
expect_exit 1 lvdiff --summary -p vg0/pool0
expect_text "thin device $(field vg0/little-0 thin_id)"
expect_text "vg0/most "

say "somebody else holds a pool's metadata snapshot: a reason of its volumes alone"
run dmsetup message vg0-pool1-tpool 0 reserve_metadata_snap
expect_exit 1 lvdiff --summary -g vg0
expect_equal "$(grep -c 'held by another program.*--force-release' <<< "$OUTPUT")" 1 "the lines that say so"
expect_text "vg0/most "
run lvdiff --summary --force-release -p vg0/pool1
expect_equal "$(pool_status vg0/pool1 held)" - "the metadata snapshot"

say "nothing is active"
run vgchange -q -an vg0
remember
expect_exit 1 lvdiff --summary -p vg0/pool1
expect_text "pool vg0/pool1: it is not active"
unchanged
no_leftovers
