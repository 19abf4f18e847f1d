# A pool that lies in two files: the same answer as from the live pool, and as thin_delta's.
#@ also on: debian-13
source /run/guest/lib.sh

# extents: the extents of --list --json, one to a line, as the rows of its text.
extents() {
	jq -r '.extents[] | "\(.offset) \(.length) \(.kind)"'
}
export -f extents

# of_thin_delta CHUNK_BYTES: the text of --list, from the XML of thin_delta. There, "left" is the
# base. Neighbours of one kind are one extent.
of_thin_delta() {
	sed -n 's/^ *<\(different\|right_only\|left_only\) begin="\([0-9]*\)" length="\([0-9]*\)".*/\2 \3 \1/p' |
		awk -v chunk="$1" '
			{ kind = $3 == "left_only" ? "unmapped" : "changed" }
			kind == last && $1 == begin + length_ { length_ += $2; next }
			last { printf "%d %d %s\n", begin * chunk, length_ * chunk, last }
			{ begin = $1; length_ = $2; last = kind }
			END { if (last) printf "%d %d %s\n", begin * chunk, length_ * chunk, last }'
}

make_vgs
for chunk in 64 192; do
	say "chunks of $chunk KiB: a live pool"
	pool=pool$chunk
	make_pool vg0 "$pool" "${chunk}k" 48M
	run lvcreate -T "vg0/$pool" -V 32M -n "base$chunk"
	fill "/dev/vg0/base$chunk" 0 $((12 * 1024)) base
	run lvcreate -s -kn -n "vol$chunk" "vg0/base$chunk"
	fill "/dev/vg0/vol$chunk" 1000 3000 changed
	fill "/dev/vg0/vol$chunk" $((20 * 1024)) 1000 new
	zero "/dev/vg0/vol$chunk" $((8 * 1024)) 600
	discard "/dev/vg0/vol$chunk" $((10 * 1024)) 2000
	fill "/dev/vg0/vol$chunk" $((10 * 1024 + 500)) 64 "in between"
	# The last chunk is mapped in both, so that the volume's size can be told from the mappings.
	end=$((32 * 1024 - 4))
	fill "/dev/vg0/base$chunk" "$end" 4 end
	fill "/dev/vg0/vol$chunk" "$end" 4 end
	base_id=$(field "vg0/base$chunk" thin_id)
	vol_id=$(field "vg0/vol$chunk" thin_id)
	run "lvdiff -q --list vg0/base$chunk vg0/vol$chunk | rows | tee live.list"
	run "lvdiff -q --list vg0/vol$chunk vg0/base$chunk | rows > live.back"
	run "lvdiff --list --json vg0/base$chunk vg0/vol$chunk > live.json"
	run 'extents < live.json | cmp - live.list'
	expect_equal "$(jq -c '[.base.name, .volume.name, .chunk_size]' live.json)" \
		"[\"vg0/base$chunk\",\"vg0/vol$chunk\",$((chunk * 1024))]" "what is said of the volumes"
	grep -q unmapped live.list && grep -q ' changed' live.list || fail "not every kind is in the list"
	sum_of_vol=$(sum "/dev/vg0/vol$chunk")
	dd if="/dev/vg0/base$chunk" of=base.img bs=1M iflag=direct conv=sparse status=none
	truncate -s 32M base.img
	no_leftovers

	say "the pool in two files"
	run vgchange -q -an vg0
	for part in tmeta tdata; do
		run lvchange -q -y -ay "vg0/${pool}_$part"
		dd if="/dev/mapper/vg0-${pool}_$part" of="$part.img" bs=1M iflag=direct conv=sparse status=none
	done
	run "lvdiff -q --list --size 32M --metadata tmeta.img $base_id $vol_id | rows > files.list"
	run cmp live.list files.list
	run "lvdiff --list --json --size 32M --metadata tmeta.img $base_id $vol_id > files.json"
	run 'extents < files.json | cmp - live.list'
	of_all='[.base.thin_id, .volume.thin_id, .base.size, .volume.size, .chunk_size, .totals]'
	expect_equal "$(jq -c "$of_all" files.json)" "$(jq -c "$of_all" live.json)" "what is said of the volumes"
	run "lvdiff -q --list --size 32M --metadata tmeta.img $vol_id $base_id | rows > files.back"
	run cmp live.back files.back
	run "lvdiff -q --list --size 32M --metadata /dev/mapper/vg0-${pool}_tmeta $base_id $vol_id | rows > device.list"
	run cmp live.list device.list

	say "thin_delta says the same"
	# From the device, because it cannot read past the page cache of a tmpfs.
	run "thin_delta --snap1 $base_id --snap2 $vol_id /dev/mapper/vg0-${pool}_tmeta > delta.xml"
	of_thin_delta $((chunk * 1024)) < delta.xml > delta.list
	# What lies past the volume's end belongs to a chunk, but not to the volume.
	awk -v size=$((32 << 20)) '$1 + $2 > size { $2 = size - $1 } { print }' delta.list > delta.cut
	run cmp live.list delta.cut

	say "a stream from files, applied to an image"
	run "lvdiff -d 3 --size 32M --metadata tmeta.img --data tdata.img $base_id $vol_id > files.diff"
	run 'lvpatch --info < files.diff | grep -v "^Base digest"'
	expect_text "thin-$vol_id"
	run "lvpatch --device base.img < files.diff"
	expect_equal "$(sum base.img)" "$sum_of_vol" "the image"
	files="--metadata /dev/mapper/vg0-${pool}_tmeta --data /dev/mapper/vg0-${pool}_tdata"
	run "lvdiff -q $files --size 32M -d 1 $vol_id $base_id | lvpatch -q --device base.img"
	for part in tmeta tdata; do
		run lvchange -q -an "vg0/${pool}_$part"
	done

	say "the same stream fits the live base"
	run vgchange -q -ay vg0
	expect_equal "$(sum base.img)" "$(sum "/dev/vg0/base$chunk")" "the image that went back"
	run "lvpatch -g vg0 -l base$chunk copy$chunk < files.diff"
	expect_equal "$(sum "/dev/vg0/copy$chunk")" "$sum_of_vol" "the new volume"

	say "and without --size, the volume ends with the last mapped chunk"
	run "lvdiff -q --metadata tmeta.img --data tdata.img $base_id $vol_id > unsized.diff"
	run 'lvpatch --info < unsized.diff | grep ^Volume'
	expect_text " $(((32768 + chunk - 1) / chunk * chunk * 1024)) bytes"
done

say "what is not there, or no pool"
expect_exit 2 lvdiff --list --metadata tmeta.img 1 99
expect_text 99
expect_exit 2 lvdiff --list --metadata tmeta.img vol192 2
expect_exit 2 'lvdiff --metadata tmeta.img 1 2 > /dev/null'
expect_text "--data"
expect_exit 2 lvdiff --list --metadata tmeta.img -g vg0 1 2
expect_exit 5 lvdiff --list --metadata tdata.img 1 2
expect_exit 1 lvdiff --list --metadata none.img 1 2
head -c 100000 tmeta.img > cut.img
expect_exit 5 lvdiff --list --metadata cut.img 1 2
head -c 1M tdata.img > cut.img
expect_exit 1 'lvdiff --metadata tmeta.img --data cut.img 1 2 > /dev/null'
no_leftovers
