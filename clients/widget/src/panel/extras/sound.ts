const REST_MS = 3_000;

/** Two soft tones, at most once in 3 s. Where the browser lets no sound through yet, it is dropped, not queued. */
export class Sound {
  #context: AudioContext | null = null;
  #last = Number.NEGATIVE_INFINITY;

  /** A browser starts sound only within a gesture of the visitor. */
  unlock(): void {
    this.#context ??= new AudioContext();
    void this.#context.resume().catch(() => undefined);
  }

  play(now = performance.now()): void {
    const context = this.#context;
    if (context?.state !== "running" || now - this.#last < REST_MS) return;
    this.#last = now;
    for (const [pitch, start] of [[659, 0], [880, 0.11]] as const) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const at = context.currentTime + start;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.12, at + 0.015);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.3);
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.32);
    }
  }

  close(): void {
    void this.#context?.close();
    this.#context = null;
  }
}
