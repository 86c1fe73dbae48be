// The presets of the catalog, which stay the same while the page is open.

import { useQuery } from "@tanstack/preact-query";

import type { Preset } from "../api/types";
import { useKeyway } from "./context";

const NONE: Preset[] = [];

/** The presets; none while they are not there, since an address can always be typed. */
export function usePresets(): Preset[] {
  const { api } = useKeyway();
  const { data } = useQuery({ queryKey: ["presets"], queryFn: api.presets, staleTime: Infinity });
  return data ?? NONE;
}
