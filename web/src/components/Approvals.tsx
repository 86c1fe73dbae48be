// The calls that wait for a person, above everything else.

import { useEffect, useRef } from "preact/hooks";

import type { Approval, Decision } from "../api/types";
import { useKeyway } from "../state/context";
import { useApprovals, useDecide } from "../state/policy";
import { relativeTime } from "../time";
import { texts } from "../words";
import { Icon } from "./Icon";
import { ErrorNotice } from "./Notice";
import { Visible } from "./Visible";

interface Props {
  /** The call that somebody was sent to. */
  target: string | null;
  /** Takes the focus when nothing waits any more. */
  onEmpty: () => void;
}

export function Approvals({ target, onEmpty }: Props) {
  const { data: waiting = [] } = useApprovals();
  const decide = useDecide();
  const section = useRef<HTMLElement>(null);
  useSaid(waiting);
  useFocusHeld(section, waiting.length, onEmpty);
  const isHere = target !== null && waiting.some(({ id }) => id === target);
  useEffect(() => {
    if (isHere) section.current?.querySelector<HTMLElement>('[data-target="true"] button')?.focus();
  }, [isHere]);

  return (
    <>
      <ErrorNotice error={decide.error} />
      {waiting.length > 0 && (
        <section ref={section} class="approvals" aria-label={texts.approvals}>
          {waiting.map((approval) => (
            <WaitingCall
              key={approval.id}
              approval={approval}
              isTarget={approval.id === target}
              onDecide={(decision) => !decide.isPending && decide.mutate({ approval, decision })}
            />
          ))}
        </section>
      )}
    </>
  );
}

interface CallProps {
  approval: Approval;
  isTarget: boolean;
  onDecide: (decision: Decision) => void;
}

function WaitingCall({ approval, isTarget, onDecide }: CallProps) {
  const { connector_name, tool, created_at, arguments: text, arguments_size } = approval;
  const cut = arguments_size > new TextEncoder().encode(text).length;
  return (
    <article class="notice approval" data-tone="attention" data-target={isTarget}>
      <h2>
        <Icon name="shield" />
        {texts.approvalWanted(connector_name)} <Visible text={tool} />
      </h2>
      <pre class="code" tabIndex={0} aria-label={texts.approvalArguments}>
        <Visible text={text} />
      </pre>
      {cut && <p>{texts.approvalCut(arguments_size)}</p>}
      <p class="hint">{texts.approvalAsked(relativeTime(created_at, Date.now()))}</p>
      <div class="actions">
        <button type="button" class="primary" onClick={() => onDecide("once")}>
          {texts.approveOnce}
        </button>
        <button type="button" onClick={() => onDecide("always")}>
          {texts.approveAlways}
        </button>
        <button type="button" class="danger" onClick={() => onDecide("deny")}>
          {texts.approveNever}
        </button>
      </div>
    </article>
  );
}

/** A call that comes to wait is said to screen readers, once. */
function useSaid(waiting: Approval[]): void {
  const { announce } = useKeyway();
  const known = useRef(new Set<string>());
  useEffect(() => {
    const added = waiting.filter(({ id }) => !known.current.has(id));
    known.current = new Set(waiting.map(({ id }) => id));
    const [first] = added;
    if (first !== undefined) announce(`${texts.approvalWanted(first.connector_name)} ${first.tool}`);
  }, [waiting]);
}

/** When the button that was pressed goes away, the focus goes to the next call, or where the page says. */
function useFocusHeld(section: { current: HTMLElement | null }, count: number, onEmpty: () => void): void {
  const had = useRef(false);
  const root = section.current?.getRootNode() as ShadowRoot | undefined;
  had.current = section.current?.contains(root?.activeElement ?? null) ?? false;
  useEffect(() => {
    if (!had.current) return;
    const next = section.current?.querySelector<HTMLElement>("button");
    if (next == null) onEmpty();
    else next.focus();
  }, [count]);
}
