// The presets of the catalog: which of them fit what was typed, and which one an address is.

import type { Preset } from "../api/types";
import { hostOf } from "../words";

/** From this many on a field helps to find one. */
export const MANY = 8;

/** The presets whose name, description or host have every word that was typed. */
export function matching(presets: readonly Preset[], typed: string): Preset[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (preset: Preset) => {
    const text = `${preset.name} ${preset.description ?? ""} ${hostOf(preset.url)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return presets.filter(has);
}

/** The preset that an address is of; none after the address was changed by hand. */
export function presetAt(presets: readonly Preset[], address: string | null): Preset | undefined {
  return presets.find(({ url }) => url === address);
}
