# A limit of processes, of which each thread is one.

# The cgroup that has the limit; the scripts themselves are not in it.
PIDS=/tmp/.cgroup/limited

# limit_processes: makes it. What begins with $LIMITED is in it, and what writes to its pipe is not.
limit_processes() {
	mkdir -p /tmp/.cgroup
	run mount -t cgroup2 cgroup2 /tmp/.cgroup
	echo +pids > /tmp/.cgroup/cgroup.subtree_control
	mkdir "$PIDS"
	LIMITED="bash -c 'echo \$\$ > $PIDS/cgroup.procs; exec \"\$@\"' limited"
}

# at_most N|max: so many processes and threads may be there. More stay, but none is started.
at_most() {
	echo "$1" > "$PIDS/pids.max"
	echo "($1 processes and threads at most)"
}

# no_limits: the cgroup goes away.
no_limits() {
	wait_until rmdir "$PIDS"
	run umount /tmp/.cgroup
	rmdir /tmp/.cgroup
}
