// One tool: what it does, whether it may, and what changed since somebody looked.

import { useId } from "preact/hooks";

import type { Tool, ToolMode } from "../api/types";
import { texts } from "../words";
import { Icon } from "./Icon";
import { ToolChange } from "./ToolChange";
import { Visible } from "./Visible";

const MODES: ToolMode[] = ["allow", "ask", "off"];

interface Props {
  tool: Tool;
  /** Whether the connector is read-only. */
  readOnly: boolean;
  onMode: (mode: ToolMode) => void;
  onAccept: (descriptor: string) => void;
}

export function ToolItem({ tool, readOnly, onMode, onAccept }: Props) {
  const name = tool.title || tool.name;
  const stopped = readOnly && tool.access === "write";
  return (
    <li data-off={tool.mode === "off" || stopped}>
      <div class="tool-head">
        <span class="tool-name">
          <Visible text={name} />
        </span>
        <Access tool={tool} />
        <Modes name={name} mode={tool.mode} onMode={onMode} />
      </div>
      {stopped && <p class="hint">{texts.toolStopped}</p>}
      {tool.warnings.map((warning) => (
        <p key={warning} class="flag">
          <Icon name="alert" />
          {texts.toolWarnings[warning]}
        </p>
      ))}
      {tool.description && (
        <p>
          <Visible text={tool.description} />
        </p>
      )}
      {tool.changed && <ToolChange name={name} change={tool.changed} held={tool.mode === "ask"} onAccept={onAccept} />}
    </li>
  );
}

function Access({ tool }: { tool: Tool }) {
  const writes = tool.access === "write";
  return (
    <span class="tag" data-tone={writes ? "attention" : "neutral"}>
      <Icon name={writes ? "pencil" : "eye"} />
      {writes ? texts.toolWrite : texts.toolRead}
    </span>
  );
}

function Modes({ name, mode, onMode }: { name: string; mode: ToolMode; onMode: (mode: ToolMode) => void }) {
  const group = useId();
  return (
    <fieldset class="modes">
      <legend class="unseen">{texts.toolMode(name)}</legend>
      {MODES.map((one) => (
        <label key={one} data-mode={one}>
          <input type="radio" name={group} value={one} checked={one === mode} onChange={() => onMode(one)} />
          <span>{texts.toolModes[one]}</span>
        </label>
      ))}
    </fieldset>
  );
}
