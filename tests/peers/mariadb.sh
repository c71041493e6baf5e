#!/usr/bin/env bash
# A throw-away MariaDB on a free loopback port, for tests.
#
#   tests/peers/mariadb.sh start FOLDER   makes a server in FOLDER (new or empty) and prints its URL on stdout
#   tests/peers/mariadb.sh stop FOLDER    stops it by its process id and removes FOLDER
#
# Needs the package mariadb-server. The user is `pinflow`, its password has special characters on purpose, its database is
# `source`. As root the server runs as the user `mysql`.
set -euo pipefail

password='p@ss:w/rd#1%'
password_in_url='p%40ss%3Aw%2Frd%231%25'

fail() {
    echo "mariadb.sh: $1" >&2
    exit 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
    local folder=$1 user port server
    # Debian keeps the server out of the path of users other than root.
    server=$(PATH=$PATH:/usr/sbin command -v mariadbd) || fail "mariadbd is not installed (apt-get install mariadb-server)"
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    [ -z "$(ls -A "$folder")" ] || fail "$folder is not empty"
    user=$(id -un)
    if [ "$user" = root ]; then
        user=mysql
        chown mysql "$folder"
    fi
    mariadb-install-db --no-defaults --user="$user" --datadir="$folder/data" --auth-root-authentication-method=normal \
        --skip-test-db >"$folder/install.log" 2>&1 || fail "cannot make the data folder: $(tail -n 5 "$folder/install.log")"
    cat >"$folder/users.sql" <<SQL
CREATE DATABASE IF NOT EXISTS source;
CREATE USER IF NOT EXISTS 'pinflow'@'127.0.0.1' IDENTIFIED BY '$password';
GRANT ALL ON source.* TO 'pinflow'@'127.0.0.1';
SQL
    # Another process may take the port between our look and the server's bind: then another port is tried.
    for _ in 1 2 3; do
        port=$(free_port)
        "$server" --no-defaults --user="$user" --datadir="$folder/data" --bind-address=127.0.0.1 --port="$port" \
            --socket="$folder/socket" --pid-file="$folder/server.pid" --init-file="$folder/users.sql" --skip-name-resolve \
            --skip-log-bin --innodb-flush-log-at-trx-commit=0 >"$folder/server.log" 2>&1 </dev/null &
        echo $! >"$folder/pid"
        if answers "$folder" "$port"; then
            echo "mysql://pinflow:$password_in_url@127.0.0.1:$port/source"
            return
        fi
        wait_for_end "$folder"
    done
    fail "the server does not start: $(tail -n 5 "$folder/server.log")"
}

# Whether the server answers within a minute, and is still there.
answers() {
    local folder=$1 port=$2
    for _ in $(seq 300); do
        if MYSQL_PWD=$password mariadb --no-defaults --host=127.0.0.1 --port="$port" --user=pinflow source \
            --execute='SELECT 1' >/dev/null 2>&1; then
            return 0
        fi
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || return 1
        sleep 0.2
    done
    return 1
}

wait_for_end() {
    local pid
    pid=$(cat "$1/pid")
    kill "$pid" 2>/dev/null || true
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
