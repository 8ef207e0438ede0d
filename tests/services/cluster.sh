# Three nodes of one service on loopback: started, stopped, killed, looked after. Sourced by `kafka` and `elasticsearch`.
#
# The sourcing script has set `service`, `tools`, `java_min`, `start_s_max`, `ports` (the well-known first ports of its
# two kinds of listener) and `ports_offset` (their place behind TROMBE_SERVICES_PORT), and defines `prepare` (fetches
# jars once), `configure N`, `launch N` (replaces the shell by the node), `answers N`, `settled` (waits until
# those that run are one cluster) and `addresses`.
# shellcheck shell=bash disable=SC2154

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$(cd "$here/../.." && pwd)/target}
jars=${TROMBE_SERVICES_JARS:-$target/services-jars}/$service
mkdir -p "${TROMBE_SERVICES:-$target/services}/$service" "$jars"
state=$(cd "${TROMBE_SERVICES:-$target/services}/$service" && pwd)
nodes=(1 2 3)
# TERM asks for an orderly end. Brokers that end together may wait for a quorum that is gone, so patience has an end.
stop_s_max=15

fail() {
    printf '%s: %s\n' "$service" "$*" >&2
    exit 1
}

# The port of node N's listener of kind K (0: clients, 1: the other nodes). Beside the well-known ports a second cluster
# has $TROMBE_SERVICES_PORT and the 40 above it; the folder of state remembers them.
port() {
    local kind=$1 node=$2 base=${TROMBE_SERVICES_PORT:-}
    [[ ! -f $state/port ]] || base=$(<"$state/port")
    if [[ -n $base ]]; then
        echo $((base + ports_offset + 10 * kind + node - 1))
    else
        echo $((ports[kind] + node - 1))
    fi
}

remember_ports() {
    local wanted=${TROMBE_SERVICES_PORT:-}
    [[ -z $wanted || $wanted =~ ^[0-9]+$ && $wanted -gt 1023 && $wanted -lt 65000 ]] ||
        fail "TROMBE_SERVICES_PORT=$wanted is no port from 1024 to 64999"
    [[ ! -f $state/port || -z $wanted || $(<"$state/port") == "$wanted" ]] ||
        fail "the cluster in $state has other ports than TROMBE_SERVICES_PORT=$wanted; wipe it first"
    [[ -f $state/port ]] || printf '%s' "$wanted" >"$state/port"
}

# The home of the newest JDK that is new enough: JAVA_HOME, the one on the path, whatever is installed.
jdk() {
    local home version best='' best_version=$((java_min - 1)) on_path=''
    on_path=$(command -v javac) && on_path=$(dirname "$(dirname "$(readlink -f "$on_path")")")
    for home in "${JAVA_HOME:-}" "$on_path" /usr/lib/jvm/* /opt/java/* /opt/jdk* "${HOME:-/root}"/.sdkman/candidates/java/*; do
        [[ -n $home && -x $home/bin/javac && -f $home/release ]] || continue
        version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
        if [[ -n $version && $version -gt $best_version ]]; then
            best=$home best_version=$version
        fi
    done
    [[ -n $best ]] || return 1
    echo "$best"
}

# Says what is not there, if anything.
missing() {
    local tool
    for tool in "${tools[@]}"; do
        command -v "$tool" >/dev/null || echo "$tool"
    done
    jdk >/dev/null || echo "a JDK $java_min or later (JAVA_HOME)"
}

expect_tools() {
    local absent
    absent=$(missing)
    [[ -z $absent ]] || fail "this needs ${absent//$'\n'/ and }; install it"
    # shellcheck disable=SC2034
    java=$(jdk)/bin
}

# The dependencies of $1 (a pom.xml) as jars in the folder $2, from Maven Central, checksums enforced.
fetch() {
    mvn --batch-mode --quiet --strict-checksums --file "$1" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$2" || fail "the jars of $1 cannot be fetched; see above"
}

command_line() {
    if [[ -d /proc/self ]]; then
        tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline"
    else
        ps -ww -o command= -p "$1"
    fi
}

# The process of node N if it is running; a process that only inherited the number is not ours.
pid_of() {
    local pid
    pid=$(cat "$state/$1/pid" 2>/dev/null) && [[ -n $pid ]] || return 1
    [[ $(command_line "$pid") == *" $state/$1/config"* ]] || return 1
    echo "$pid"
}

# One node in a session of its own, so that neither a closing terminal nor a signal to the caller's group reaches it.
spawn() {
    local node=$1 detach=''
    command -v setsid >/dev/null && detach=setsid
    # shellcheck disable=SC2086
    TROMBE_SERVICES=$(dirname "$state") nohup $detach bash "$0" _node "$node" "$state/$node/config" \
        </dev/null >"$state/$node/out.log" 2>&1 &
    disown
}

start() {
    local node began
    expect_tools
    remember_ports
    exec 9>"$jars/lock"
    ! command -v flock >/dev/null || flock 9
    prepare
    exec 9>&-
    # How long the jars are on their way says nothing of a node.
    began=$SECONDS
    local started=()
    for node in "$@"; do
        if pid_of "$node" >/dev/null; then continue; fi
        mkdir -p "$state/$node"/{config,data,logs,tmp}
        rm -f "$state/$node/pid"
        # Emptied here, or the wait below could read what the last run has said.
        : >"$state/$node/out.log"
        started+=("$node")
    done
    for node in ${started[@]+"${started[@]}"}; do configure "$node"; done
    for node in ${started[@]+"${started[@]}"}; do spawn "$node"; done
    for node in "$@"; do wait_for_answer "$node" $((began + start_s_max)); done
    settled
    echo "$service: $* up after $((SECONDS - began)) s, $(addresses)"
}

wait_for_answer() {
    local node=$1 until_s=$2 seen=''
    until answers "$node"; do
        if pid_of "$node" >/dev/null; then seen=yes; elif [[ -n $seen ]]; then died "$node"; fi
        ((SECONDS < until_s)) || died "$node"
        sleep 0.2
    done
    # Another program that holds the port may answer in our node's place.
    pid_of "$node" >/dev/null || died "$node"
}

died() {
    tail -n 15 "$state/$1/out.log" >&2
    fail "node $1 did not come up within $start_s_max s; the end of $state/$1/out.log is above"
}

stop() {
    local node pid until_s=$((SECONDS + stop_s_max))
    for node in "$@"; do
        if pid=$(pid_of "$node"); then kill -TERM "$pid" 2>/dev/null || true; fi
    done
    for node in "$@"; do
        while pid=$(pid_of "$node"); do
            ((SECONDS < until_s)) || kill -KILL "$pid" 2>/dev/null || true
            sleep 0.1
        done
        rm -f "$state/$node/pid"
    done
}

kill_hard() {
    local pid
    pid=$(pid_of "$1") || fail "node $1 does not run"
    kill -KILL "$pid"
    while pid_of "$1" >/dev/null; do sleep 0.02; done
    rm -f "$state/$1/pid"
}

status() {
    local node pid memory
    for node in "${nodes[@]}"; do
        if pid=$(pid_of "$node"); then
            memory=$(awk '/VmRSS/ { print int($2 / 1024) " MiB" }' "/proc/$pid/status" 2>/dev/null || true)
            echo "$service $node: 127.0.0.1:$(port 0 "$node") up, pid $pid${memory:+, $memory}"
        else
            echo "$service $node: 127.0.0.1:$(port 0 "$node") down"
        fi
    done
}

wipe() {
    stop "${nodes[@]}"
    # Only what `start` has made: the variable may point anywhere.
    rm -rf "${state:?}"/{1,2,3,port,cluster-id}
}

usage() {
    cat <<USAGE
usage: $0 COMMAND
  start [N...]   start all nodes, or some, and wait until they answer
  stop [N...]    end them in order; after $stop_s_max s by force
  kill N         kill -9
  pid N          the process of a node
  status         what runs, where
  addresses      what clients are given
  missing        what this machine lacks to start it
  wipe           stop, and forget all data
State is in \$TROMBE_SERVICES (target/services), jars in \$TROMBE_SERVICES_JARS (target/services-jars).
With \$TROMBE_SERVICES_PORT all listeners lie within the 40 ports from there, so that several clusters fit beside each other.
USAGE
    exit 2
}

main() {
    local command=${1:-} node
    shift || true
    for node in "$@"; do
        [[ $command == _node || $node =~ ^[1-3]$ ]] || usage
    done
    case $command in
        start | stop) if (($#)); then "$command" "$@"; else "$command" "${nodes[@]}"; fi ;;
        kill) (($# == 1)) || usage && kill_hard "$1" ;;
        pid) (($# == 1)) || usage && { pid_of "$1" || fail "node $1 does not run"; } ;;
        status | addresses | missing | wipe) "$command" ;;
        # The second argument makes this process recognisable before it has become the node.
        _node)
            expect_tools
            echo $$ >"$state/$1/pid"
            cd "$state/$1" && launch "$1"
            ;;
        *) usage ;;
    esac
}
