/** Small values in localStorage. Where it is blocked or full they are kept as long as the page. */
const PREFIX = "switchboard.console.";
const memory = new Map<string, string>();
let isFull = false;

/** Whether something could not be stored: a reload would lose it. */
export const isForgetful = (): boolean => isFull;

export function read(name: string): string | null {
  const held = memory.get(name);
  if (held !== undefined) return held;
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function write(name: string, value: string): boolean {
  try {
    localStorage.setItem(PREFIX + name, value);
    memory.delete(name);
    return true;
  } catch {
    memory.set(name, value);
    isFull = true;
    return false;
  }
}

export function remove(name: string): void {
  memory.delete(name);
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // What cannot be written was not stored.
  }
}

export function names(beginning: string): string[] {
  const found = new Set([...memory.keys()].filter((name) => name.startsWith(beginning)));
  try {
    for (let index = 0; index < localStorage.length; index++) {
      const key = localStorage.key(index);
      if (key?.startsWith(PREFIX + beginning)) found.add(key.slice(PREFIX.length));
    }
  } catch {
    // There is none.
  }
  return [...found];
}

export function removeAll(beginning: string): void {
  for (const name of names(beginning)) remove(name);
}

/** JSON that another version, or another program, may have written. */
export function readJson<T>(name: string, isGood: (value: unknown) => value is T): T | null {
  try {
    const value: unknown = JSON.parse(read(name) ?? "null");
    return isGood(value) ? value : null;
  } catch {
    return null;
  }
}

/** Another tab has written or removed a value. */
export function onOtherTab(name: string, hear: (value: string | null) => void): () => void {
  const ended = new AbortController();
  addEventListener(
    "storage",
    ({ key, newValue }) => {
      if (key === PREFIX + name || key === null) hear(key === null ? null : newValue);
    },
    ended,
  );
  return () => ended.abort();
}
