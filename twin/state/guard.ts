import { spawn } from 'node:child_process'

/** A process that outlives the twin by a moment and ends what the twin left running. */
export type Guard = {
  readonly pid: number
  started(pid: number): void
  ended(pid: number): void
  /** Sends the guard away: the twin has cleaned up itself. */
  dismiss(): void
}

// Reads which processes there are until the pipe breaks, which it does however the twin ends. PostgreSQL is asked to
// stop at once (QUIT), since a kill would leave its shared memory behind; what is left after two seconds is killed.
const SCRIPT = `
trap '' INT TERM HUP
root="$1"
pids=" "
while read -r op pid; do
  case "$op" in
    +) pids="$pids$pid " ;;
    -) pids=$(printf '%s' "$pids" | sed "s/ $pid / /") ;;
    .) exit 0 ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
servers=""
for file in "$root"/clusters/*/data/postmaster.pid "$root"/clusters/*/postmaster.pid; do
  [ -f "$file" ] || continue
  pid=$(head -n 1 "$file")
  case "$(ps -o args= -p "$pid" 2>/dev/null)" in
    *postgres*) kill -QUIT "$pid" 2>/dev/null && servers="$servers $pid" ;;
  esac
done
for try in 1 2 3 4 5 6 7 8 9 10; do
  left=""
  for pid in $servers; do kill -0 "$pid" 2>/dev/null && left="$left $pid"; done
  [ -z "$left" ] && exit 0
  sleep 0.2
done
for pid in $left; do kill -9 "$pid" 2>/dev/null; done
`

/** Starts the guard of the twin in `root`. It is in a session of its own, so that no Ctrl-C reaches it. */
export function startGuard(root: string): Guard {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'holdfast-guard', root], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error('cannot start /bin/sh to guard the processes of the twin')
  // It ends by itself; a broken pipe on the way out is no failure of the twin.
  child.stdin.on('error', () => {})
  child.unref()
  const say = (line: string) => child.stdin.write(`${line}\n`)
  return {
    pid,
    started: id => say(`+ ${id}`),
    ended: id => say(`- ${id}`),
    dismiss: () => {
      child.stdin.end('. 0\n')
    },
  }
}
