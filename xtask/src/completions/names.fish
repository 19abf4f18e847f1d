
# The names of this machine's volume groups, pools and volumes. Only root may ask LVM.
function __@PROGRAM@_lvm
    set -lx PATH $PATH /usr/sbin /sbin
    switch $argv[1]
        case groups
            vgs --readonly --noheadings -o vg_name 2>/dev/null | string trim
        case pools
            lvs --readonly --noheadings --separator / -o vg_name,lv_name -S segtype=thin-pool 2>/dev/null | string trim
        case volumes
            lvs --readonly --noheadings --separator / -o vg_name,lv_name -S 'segtype!=thin-pool' 2>/dev/null | string trim
    end
end

