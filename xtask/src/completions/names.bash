
# The names of this machine's volume groups, pools and volumes, which the options above do not know.

# _@PROGRAM@_lvm groups|pools|volumes [VG]: prints them, all as VG/LV, or those of VG as LV.
_@PROGRAM@_lvm() {
    local kind=$1 group=$2 names link name PATH=$PATH:/usr/sbin:/sbin
    local report=(--readonly --noheadings --separator /)
    case $kind in
        groups) names=$(vgs "${report[@]}" -o vg_name 2> /dev/null) ;;
        pools) names=$(lvs "${report[@]}" -o vg_name,lv_name -S segtype=thin-pool 2> /dev/null) ;;
        volumes) names=$(lvs "${report[@]}" -o vg_name,lv_name -S 'segtype!=thin-pool' 2> /dev/null) ;;
    esac
    # Only root may ask LVM. Anyone sees the links of what is active.
    [[ -n $names ]] || for link in /dev/*/*; do
        [[ -L $link && $link != /dev/mapper/* && $(readlink "$link") == ../dm-* ]] || continue
        [[ $kind == groups ]] && link=${link%/*}
        names+=${link#/dev/}$'\n'
    done
    for name in $names; do
        case $group in
            "") printf '%s\n' "$name" ;;
            "${name%%/*}") printf '%s\n' "${name#*/}" ;;
        esac
    done
}

_@PROGRAM@_names() {
    local cur=$2 prev=$3 kind='' group='' files='' i word words
    # `--pool=x` comes as three words.
    if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i + 1]}
        [[ $word != = ]] || word=${COMP_WORDS[i + 2]}
        case ${COMP_WORDS[i]} in
            -g | --lvgroup) group=$word ;;
            -g*) group=${COMP_WORDS[i]#-g} ;;
            @FILES@) files=yes ;;
        esac
    done
    case $prev in
        @GROUPS@) kind=groups group='' ;;
        @POOLS@) kind=pools ;;
        @VOLUMES@) kind=volumes ;;
        @OTHERS@) _@PROGRAM@ "$@"; return ;;
        *)
            if [[ $cur == -* ]]; then _@PROGRAM@ "$@"; return; fi
            kind=@POSITIONAL@
            ;;
    esac
    COMPREPLY=()
    # Without an answer the shell offers files.
    [[ -z $files || $kind != @POSITIONAL@ ]] || return 0
    words=$(_@PROGRAM@_lvm "$kind" "$group")
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _@PROGRAM@_names -o bashdefault -o default @PROGRAM@
