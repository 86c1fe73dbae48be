// A text to be copied somewhere else. Where the browser refuses the clipboard, the text is selected.

import { useId, useRef, useState } from "preact/hooks";

import { texts } from "../words";
import { Icon } from "./Icon";

const SHOWN_MS = 2_500;

export function CopyField({ label, value }: { label: string; value: string }) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState("");

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setSaid(texts.copied);
    } catch {
      input.current?.select();
      setSaid(texts.copyByHand);
    }
    setTimeout(() => setSaid(""), SHOWN_MS);
  };

  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="joined">
        <input ref={input} id={id} class="code" readOnly value={value} />
        <button type="button" onClick={copy}>
          <Icon name={said === texts.copied ? "check" : "copy"} />
          {texts.copy}
          <span class="unseen"> {label}</span>
        </button>
      </div>
      <p class="unseen-unless-needed" role="status">
        {said}
      </p>
    </div>
  );
}
