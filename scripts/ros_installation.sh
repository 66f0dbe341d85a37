# The installed ROS 2 that is sourced in this shell, outside the folder $1 and its .venv, which may
# be a link; nothing if there is none. Overlays, which hold no rcutils of their own, do not count.
# For bash and zsh.
groot_ros_installation() {
    local venv
    venv=$(cd "$1/.venv" 2>/dev/null && pwd -P) || venv=$1
    printf '%s\n' "${AMENT_PREFIX_PATH:-}" | tr ':' '\n' | while read -r prefix; do
        case "$prefix/" in "$1"/* | "$venv"/*) continue ;; esac
        if [ -e "$prefix/share/ament_index/resource_index/packages/rcutils" ]; then
            printf '%s\n' "$prefix"
            break
        fi
    done
}
