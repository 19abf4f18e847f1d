# Helpers for scripts that measure. How often, /run/out/runs says.

RUNS=$(cat /run/out/runs)

# took COMMAND: runs a line of shell, and sets TOOK to its nanoseconds.
took() {
	local begin end
	begin=$(date +%s%N)
	bash -o pipefail -c "$1"
	end=$(date +%s%N)
	TOOK=$((end - begin))
}

# pairs NAME THEIRS OURS [AFTER]: both in turn; what was made is undone by AFTER, untimed. The
# first pair warms up.
pairs() {
	local number theirs
	for ((number = 0; number <= RUNS; number++)); do
		took "$2"
		theirs=$TOOK
		[ -z "${4:-}" ] || bash -c "$4" > /dev/null
		took "$3"
		[ -z "${4:-}" ] || bash -c "$4" > /dev/null
		[ "$number" = 0 ] || echo "pair $1 $theirs $TOOK"
	done
}
