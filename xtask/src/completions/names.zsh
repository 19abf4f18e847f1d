
# The names of this machine's volume groups, pools and volumes. Only root may ask LVM.
_@PROGRAM@_groups() {
    local -a names
    names=(${=$(PATH=$PATH:/usr/sbin:/sbin vgs --readonly --noheadings -o vg_name 2> /dev/null)})
    compadd -a names
}

_@PROGRAM@_lvs() {
    local -a names
    names=(${=$(PATH=$PATH:/usr/sbin:/sbin lvs --readonly --noheadings --separator / -o vg_name,lv_name -S $1 2> /dev/null)})
    compadd -a names
}

_@PROGRAM@_pools() {
    _@PROGRAM@_lvs segtype=thin-pool
}

_@PROGRAM@_volumes() {
    _@PROGRAM@_lvs 'segtype!=thin-pool'
}

# What a name without an option is: of a file, if one of these options came before. _arguments keeps them here.
_@PROGRAM@_positional() {
    if [[ -n ${opt_args[(I)(@FILES@)]} ]]; then
        _files
    else
        @POSITIONAL@
    fi
}
