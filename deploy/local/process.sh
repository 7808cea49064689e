# shellcheck shell=bash
# Background processes. A process file holds the id and the start time, so that a reused id is never taken for ours.

# start_time PID: in clock ticks since boot; fails when there is no such process.
start_time() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # The name, in parentheses, may hold spaces.
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != Z ]] && printf '%s' "${stat[19]}"
}

# launch FILE LOG COMMAND...: starts a process in its own session, away from the terminal's Ctrl-C.
launch() {
  local file=$1 log=$2
  shift 2
  mkdir -p "$(dirname "$file")" "$(dirname "$log")"
  [[ ! -e $file ]] || stop "$file" KILL 5
  [[ ! -s $log ]] || mv -f "$log" "$log.old"
  # 9 is the scripts' lock: a process that outlives its script must not hold it.
  setsid "$@" </dev/null >"$log" 2>&1 9>&- &
  remember "$file" $!
}

# remember FILE PID
remember() { printf '%s %s\n' "$2" "$(start_time "$2")" >"$1"; }

# running FILE: whether the process of that file lives.
running() {
  local pid started
  read -r pid started 2>/dev/null <"$1" || return 1
  [[ -n $started && $(start_time "$pid") == "$started" ]]
} 2>/dev/null

# await FILE LOG NAME SECONDS CHECK...: waits until the check succeeds; fails when the process ends before.
await() {
  local file=$1 log=$2 name=$3 deadline=$((SECONDS + $4))
  shift 4
  until "$@"; do
    running "$file" || died "$name" "$log" "has stopped"
    ((SECONDS < deadline)) || died "$name" "$log" "is not ready"
    sleep 0.1
  done
}

died() {
  tail -n 20 "$2" >&2 || true
  fail "$1 $3; its log is $2"
}

# stop FILE SIGNAL SECONDS: asks the process to end, waits, and kills it when it does not, with what it left behind.
stop() {
  local file=$1 signal=$2 deadline=$((SECONDS + $3)) pid
  [[ -s $file ]] || return 0
  read -r pid _ <"$file"
  if running "$file"; then
    kill -s "$signal" "$pid" 2>/dev/null || true
    while running "$file"; do
      if ((SECONDS >= deadline)); then
        say "$(basename "$file") does not stop; killed"
        kill -s KILL "$pid" 2>/dev/null || true
        deadline=$((SECONDS + 5))
      fi
      sleep 0.05
    done
  fi
  # Its children, where it was killed and they were not: a process id is not given again while its group lives.
  deadline=$((SECONDS + 3))
  while kill -s KILL -- "-$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.02; done
  rm -f "$file"
}
