// What is known of the address that is being typed.

import type { ProbeReport, TraceStep } from "../api/types";
import { messageOf } from "../api/problem";
import type { ProbeState } from "../probe/prober";
import { outcomeOf, texts } from "../words";
import { Icon } from "./Icon";

/** Keeps its room while there is nothing to say, so that the form does not jump. */
export function ProbeResult({ state }: { state: ProbeState }) {
  return (
    <div class="probe">
      <div role="status">
        {state.step === "probing" && <p class="busy">{texts.checking}</p>}
        {state.step === "done" && <Outcome report={state.report} withHeaders={state.withHeaders} />}
      </div>
      <div role="alert">
        {state.step === "failed" && (
          <p class="verdict" data-tone="bad">
            <Icon name="alert" />
            {messageOf(state.error)}
          </p>
        )}
      </div>
      {state.step === "done" && <Trace steps={state.report.trace} />}
    </div>
  );
}

function Outcome({ report, withHeaders }: { report: ProbeReport; withHeaders: boolean }) {
  const { text, tone } = outcomeOf(report, withHeaders);
  return (
    <p class="verdict" data-tone={tone}>
      <Icon name={tone === "good" ? "check" : tone === "bad" ? "alert" : "info"} />
      {text}
    </p>
  );
}

function Trace({ steps }: { steps: readonly TraceStep[] }) {
  if (steps.length === 0) return null;
  return (
    <details class="trace">
      <summary>{texts.trace}</summary>
      <ol>
        {steps.map((step, index) => (
          <li key={index}>
            <span class="code">{step.url}</span>
            <span class="hint">
              {step.status == null ? "" : `${step.status} · `}
              {step.outcome}
            </span>
          </li>
        ))}
      </ol>
    </details>
  );
}
