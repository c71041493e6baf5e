#!/usr/bin/env bash
# A throw-away Postgres on a free loopback port, for tests.
#
#   tests/peers/postgres.sh start FOLDER   makes a server in FOLDER (new or empty) and prints its URL on stdout
#   tests/peers/postgres.sh stop FOLDER    stops it by its process id and removes FOLDER
#
# Needs the package postgresql. The user is `pinflow`, its password has special characters on purpose, its database is
# `source`. Postgres refuses to run as root; then it runs as the user `postgres`.
set -euo pipefail

password='p@ss:w/rd#1%'
password_in_url='p%40ss%3Aw%2Frd%231%25'

fail() {
    echo "postgres.sh: $1" >&2
    exit 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Runs a command as a user that Postgres accepts. `setpriv` replaces itself, so the process id stays the server's.
unprivileged() {
    if [ "$(id -un)" = root ]; then
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"
    else
        exec "$@"
    fi
}

# The folder of the newest installed server's programs: Debian keeps them out of the path.
programs() {
    local folder
    folder=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    if [ -n "$folder" ]; then
        echo "$folder"
    else
        dirname "$(command -v initdb)"
    fi
}

start() {
    local folder=$1 bin port
    bin=$(programs)
    [ -x "$bin/initdb" ] || fail "initdb is not installed (apt-get install postgresql)"
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    [ -z "$(ls -A "$folder")" ] || fail "$folder is not empty"
    echo "$password" >"$folder/password"
    if [ "$(id -un)" = root ]; then
        chown -R postgres "$folder"
    fi
    (cd "$folder" && unprivileged "$bin/initdb" --pgdata="$folder/data" --username=pinflow --pwfile="$folder/password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync) >"$folder/install.log" 2>&1 ||
        fail "cannot make the data folder: $(tail -n 5 "$folder/install.log")"
    # Another process may take the port between our look and the server's bind: then another port is tried.
    for _ in 1 2 3; do
        port=$(free_port)
        (cd "$folder" && unprivileged "$bin/postgres" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 \
            -c unix_socket_directories= -c fsync=off) >"$folder/server.log" 2>&1 </dev/null &
        echo $! >"$folder/pid"
        if answers "$folder" "$bin" "$port"; then
            PGPASSWORD=$password "$bin/psql" -h 127.0.0.1 -p "$port" -U pinflow -d postgres -qc 'CREATE DATABASE source'
            echo "postgres://pinflow:$password_in_url@127.0.0.1:$port/source"
            return
        fi
        wait_for_end "$folder"
    done
    fail "the server does not start: $(tail -n 5 "$folder/server.log")"
}

# Whether the server answers within a minute, and is still there.
answers() {
    local folder=$1 bin=$2 port=$3
    for _ in $(seq 300); do
        if PGPASSWORD=$password "$bin/psql" -h 127.0.0.1 -p "$port" -U pinflow -d postgres -qc 'SELECT 1' >/dev/null 2>&1; then
            return 0
        fi
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || return 1
        sleep 0.2
    done
    return 1
}

# Interrupted, Postgres rolls back and ends at once; a terminated one would wait for its clients.
wait_for_end() {
    local pid
    pid=$(cat "$1/pid")
    kill -INT "$pid" 2>/dev/null || true
    for _ in $(seq 150); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.2
    done
    kill -9 "$pid" 2>/dev/null || true
}

case "${1:-} $#" in
    "start 2") start "$2" ;;
    "stop 2")
        [ -f "$2/pid" ] || fail "there is no server in $2"
        wait_for_end "$2"
        rm -rf "$2"
        ;;
    *) fail "usage: $0 start|stop FOLDER" ;;
esac
