# The installed ROS 2 that is sourced in this shell, outside the folder $1; nothing if there is
# none. Overlays, which hold no rcutils of their own, do not count. For bash and zsh.
groot_ros_installation() {
    printf '%s\n' "${AMENT_PREFIX_PATH:-}" | tr ':' '\n' | while read -r prefix; do
        case "$prefix/" in "$1"/*) continue ;; esac
        if [ -e "$prefix/share/ament_index/resource_index/packages/rcutils" ]; then
            printf '%s\n' "$prefix"
            break
        fi
    done
}
