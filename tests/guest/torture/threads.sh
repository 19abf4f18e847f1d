# Too few threads.

source /run/guest/pids.sh

# Three are what a run needs to clear up: itself, a thread that waits for a pipe, and LVM's command.
fault_no_more_threads() {
	local program when limit command
	limit_processes
	draw_word program lvdiff lvpatch
	draw_word when first meanwhile
	draw limit 10
	limit=$((limit + 3))
	remember
	if [ "$program" = lvdiff ]; then
		time_diff
		command=$STRUCK
	else
		time_patch
		command="$PATCH $INPUT"
	fi
	[ "$when" = meanwhile ] || at_most "$limit"
	background "$LIMITED $command"
	if [ "$when" = meanwhile ]; then
		wait_for_moment
		at_most "$limit"
	fi
	ended 60
	at_most max
	if [ "$program" = lvdiff ]; then
		judge_diff /tmp/got 1
	else
		judge_patch 1
	fi
	no_limits
}
