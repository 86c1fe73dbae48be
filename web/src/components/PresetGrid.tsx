// Servers to pick from instead of typing an address.

import { useState } from "preact/hooks";

import type { Preset } from "../api/types";
import { MANY, matching } from "../presets/presets";
import { hostOf, texts } from "../words";
import { Avatar } from "./Avatar";

interface Props {
  presets: readonly Preset[];
  picked: Preset | undefined;
  onPick: (preset: Preset) => void;
}

export function PresetGrid({ presets, picked, onPick }: Props) {
  const [typed, setTyped] = useState("");
  if (presets.length === 0) return null;
  const shown = matching(presets, typed);
  return (
    <fieldset class="presets">
      <legend>{texts.presets}</legend>
      {presets.length > MANY && (
        <input
          type="search"
          aria-label={texts.presetsFind}
          placeholder={texts.presetsFind}
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <div class="preset-grid" data-many={presets.length > MANY}>
        {shown.map((preset) => (
          <button
            key={preset.id}
            type="button"
            class="preset"
            title={preset.description ?? undefined}
            aria-pressed={preset === picked}
            onClick={() => onPick(preset)}
          >
            <Avatar name={preset.name} icon={preset.icon} />
            <span>
              <span class="preset-name">{preset.name}</span>
              <span class="hint">{hostOf(preset.url)}</span>
            </span>
          </button>
        ))}
      </div>
      <p class="hint" role="status">
        {shown.length === 0 && texts.presetsNone}
      </p>
    </fieldset>
  );
}

/** Where a client is registered by hand, before the server has said what it needs. */
export function RegistrationHelp({ preset }: { preset: Preset | undefined }) {
  if (preset?.client !== "by_hand" || preset.registration_help_url === null) return null;
  return (
    <p class="hint">
      {texts.registerByHand}{" "}
      <a href={preset.registration_help_url} target="_blank" rel="noreferrer">
        {texts.registerLink}
      </a>
    </p>
  );
}
