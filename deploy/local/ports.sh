# shellcheck shell=bash
# Ports on loopback. Several checkouts may run at once, so servers take free ports, which a file remembers.

# port_open PORT: whether something accepts connections there.
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the kernel's range for outgoing connections, which could take the port between two starts. FREE_PORTS says where two
# runs at the same time choose, so that they never choose the same.
export FREE_PORTS=${FREE_PORTS:-20000-29999}
free_port() {
  local port first=${FREE_PORTS%-*} last=${FREE_PORTS#*-}
  while port=$((first + RANDOM % (last - first + 1))) && port_open "$port"; do :; done
  printf '%s' "$port"
}

# remembered_port FILE NAME: the port that the file has for the name; picks one the first time.
remembered_port() {
  local file=$1 name=$2 port
  port=$(sed -n "s/^$name=//p" "$file" 2>/dev/null || true)
  if [[ -z $port ]]; then
    while port=$(free_port) && grep -qs "=$port\$" "$file"; do :; done
    printf '%s=%s\n' "$name" "$port" >>"$file"
  fi
  printf '%s' "$port"
}

# unused_port FILE NAME: the same, but another when something else has taken the remembered one.
unused_port() {
  local port
  port=$(remembered_port "$1" "$2")
  if port_open "$port"; then
    sed -i "/^$2=/d" "$1"
    port=$(remembered_port "$1" "$2")
  fi
  printf '%s' "$port"
}

# ready PORT: whether the service there says that all of it works, what it only tells later included.
ready() {
  local answer
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1" &&
      printf 'GET /readyz HTTP/1.0\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$1" >&3 &&
      answer=$(timeout 5 cat <&3)
  } 2>/dev/null
  # In braces: `exec` alone would keep the redirection, and nothing would be said any more.
  { exec 3>&-; } 2>/dev/null || true
  [[ ${answer:-} == *'"status":"ready"'* ]]
}
