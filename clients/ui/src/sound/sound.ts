const REST_MS = 3_000;

/** Tones (Hz, s after the first), how loud, how long (s). */
export interface Chime {
  tones: readonly (readonly [pitch: number, start: number])[];
  volume: number;
  length: number;
}

/** Soft tones, at most once in 3 s. Where the browser lets no sound through yet, it is dropped, not queued. */
export class Sound {
  readonly #chime: Chime;
  #context: AudioContext | null = null;
  #last = Number.NEGATIVE_INFINITY;

  constructor(chime: Chime) {
    this.#chime = chime;
  }

  /** A browser starts sound only within a gesture of the visitor. */
  unlock(): void {
    this.#context ??= new AudioContext();
    void this.#context.resume().catch(() => undefined);
  }

  play(now = performance.now()): void {
    const context = this.#context;
    if (context?.state !== "running" || now - this.#last < REST_MS) return;
    this.#last = now;
    const { tones, volume: loudness, length } = this.#chime;
    for (const [pitch, start] of tones) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const at = context.currentTime + start;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(loudness, at + 0.015);
      volume.gain.exponentialRampToValueAtTime(0.001, at + length);
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + length + 0.02);
    }
  }

  close(): void {
    void this.#context?.close();
    this.#context = null;
  }
}
