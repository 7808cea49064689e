import { Sound } from "@switchboard/ui/sound";

export const makeSound = (): Sound => new Sound({ tones: [[659, 0], [880, 0.11]], volume: 0.12, length: 0.3 });
